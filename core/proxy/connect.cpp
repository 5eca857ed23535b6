// See connect.hpp.
#include "core/proxy/connect.hpp"

#include <new>
#include <utility>

#include "core/base/limits.hpp"

namespace sluice::proxy {
namespace {

constexpr int kProxyAuthenticationRequired = 407;

void append_field(std::vector<std::uint8_t>& out, std::string_view name, std::string_view value) {
  append(out, name);
  append(out, value.empty() ? ":" : ": ");
  append(out, value);
  append(out, "\r\n");
}

// RFC 9110 9.3.6: the content that a 2xx seems to announce does not exist. Of other responses the head is read alone
// too; the content of a challenge is read by another reader, which gets the head again.
constexpr bool kHeadAlone = true;

}  // namespace

Connect::Connect(ConnectParams params, std::unique_ptr<Login> login)
    : Passage(params.proxy, params.target),
      params_(std::move(params)),
      authority_(target().authority()),
      login_(login && login->has_credentials() ? std::move(login) : nullptr) {}

rules::AuthRequest Connect::facts() const { return {.method = "CONNECT", .target = authority_, .body = ""}; }

bool Connect::begin(std::vector<std::uint8_t>& out, Now) {
  if (login_) {
    auto first = login_->first(facts(), params_.asked);
    if (!first) return fail_with(first.error());
    authorization_ = *std::move(first);
  }
  ask(out);
  return true;
}

void Connect::ask(std::vector<std::uint8_t>& out) {
  head_.clear();
  head_text_.clear();
  head_bytes_ = 0;
  reader_.reset();
  reader_.start(head_, nullptr, {.to_head = kHeadAlone, .rules = {.http1 = params_.http1}});
  const std::size_t begin = out.size();
  append(out, "CONNECT " + authority_ + (params_.http1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"));
  if (!params_.fields.contains("Host")) append_field(out, "Host", authority_);
  if (!authorization_.empty()) append_field(out, "Proxy-Authorization", authorization_);
  for (const Field field : params_.fields) {
    append_field(out, field.name, field.value);
  }
  append(out, "\r\n");
  if (params_.seen) params_.seen->push_back({false, std::string(as_text(Bytes{out}.subspan(begin)))});
}

void Connect::answer(Bytes& in, std::vector<std::uint8_t>& out, Now now) {
  while (talking() && !in.empty()) {
    const bool again = skipped_ ? skip(in) : read_head(in) && judge(now);
    if (again) ask(out);
  }
}

// Takes only what belongs to the head. True: the final head is complete. The reader decodes in place, and the caller's
// bytes are not to be changed.
bool Connect::read_head(Bytes& in) {
  std::vector<std::uint8_t> bytes(in.begin(), in.end());
  const http1::Reader::Step step = reader_.read(bytes);
  head_text_.insert(head_text_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(step.taken));
  in = in.subspan(step.taken);
  if (step.failed) return fail_with(reader_.error());
  head_bytes_ += step.taken;
  if (head_bytes_ > limits::kMaxHeadBytes) return fail("its response head is too large");
  if (params_.seen && (step.interim || step.complete)) {
    params_.seen->push_back({true, std::string(as_text(Bytes{head_text_}))});
  }
  if (step.interim) head_text_.clear();
  return step.complete;
}

// True: the request is to be sent again now.
bool Connect::judge(Now now) {
  if (head_.status >= 200 && head_.status <= 299) {
    if (const auto done = login_ ? login_->finish(head_) : Result<void>(); !done) return fail_with(done.error());
    open();
    login_.reset();
    return false;
  }
  if (head_.status != kProxyAuthenticationRequired || !login_) return refused();
  auto answer = login_->answer(head_, facts(), now);
  if (!answer) return fail_with(answer.error());
  if (!*answer) return refused();
  authorization_ = **std::move(answer);
  skipped_ = std::make_unique<Skipped>();
  skipped_->reader.start(skipped_->head, nullptr, {.rules = {.http1 = params_.http1}});
  const http1::Reader::Step step = skipped_->reader.read(head_text_);
  if (step.failed) return fail_with(skipped_->reader.error());
  if (!is_kept()) return go_elsewhere();
  return step.complete && end_skipping();
}

// True: the content of the challenge is over.
bool Connect::skip(Bytes& in) {
  std::vector<std::uint8_t> bytes(in.begin(), in.end());
  const http1::Reader::Step step = skipped_->reader.read(bytes);
  in = in.subspan(step.taken);
  skipped_->bytes += step.taken;
  if (step.failed) return fail_with(skipped_->reader.error());
  if (skipped_->bytes > limits::kMaxSkippedBytes) return go_elsewhere();
  return step.complete && end_skipping();
}

bool Connect::end_skipping() {
  skipped_.reset();
  return true;
}

// Proxies say it by a field of their own too, which is in no standard.
bool Connect::is_kept() const {
  const std::string_view own = head_.fields.find("Proxy-Connection").value_or("");
  if (lists_token(own, "close")) return false;
  const http1::Reader& reader = skipped_->reader;
  return reader.keep_alive() || (lists_token(own, "keep-alive") && reader.body_length());
}

// This connection cannot carry the answer.
bool Connect::go_elsewhere() {
  goes_elsewhere_ = true;
  return refused();
}

// The proxy may also have closed the connection after a challenge without announcing it.
Again Connect::again() const {
  const bool unanswered = talking() && (skipped_ || head_text_.empty());
  return login_ && (goes_elsewhere_ || unanswered) ? login_->again() : Again::no;
}

// A shortage of memory is no fault of the proxy's.
bool Connect::fail_with(const Error& error) {
  if (error.code == Code::out_of_memory) throw std::bad_alloc();
  return fail(error.message());
}

bool Connect::refused() {
  std::string what = "it answered with status " + std::to_string(head_.status);
  if (!head_.reason.empty()) what += " (" + head_.reason + ")";
  return fail(what, head_.status);
}

}  // namespace sluice::proxy
