// See stream_connect.hpp.
#include "core/proxy/stream_connect.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/timers.hpp"
#include "core/http2/session.hpp"

namespace sluice::proxy {
namespace {

constexpr int kProxyChallenge = 407;
constexpr std::size_t kPieceBytes = 4096;                       // that the session reads at a time
constexpr std::size_t kSentPiece = 16 * 1024;                   // that it is given to send at a time
constexpr std::size_t kMostUnsent = 4 * limits::kWireOutBytes;  // more than encode() makes

}  // namespace

Proxy without_logins(Proxy proxy) {
  proxy.schemes.ntlm = proxy.schemes.negotiate = false;
  proxy.negotiate.reset();
  return proxy;
}

StreamConnect::StreamConnect(ConnectParams params, std::unique_ptr<Login> login)
    : params_(std::move(params)),
      authority_(params_.target.authority()),
      login_(login && login->has_credentials() ? std::move(login) : nullptr) {}

Pump StreamConnect::start(std::vector<std::uint8_t>& wire_out, Now now) {
  session_ = http2::make_session({.ping_interval = params_.ping_interval});
  if (!session_) throw std::bad_alloc();
  if (login_) {
    auto first = login_->first(facts(), params_.asked);
    if (!first) {
      fail_with(first.error());
      return Pump::failed;
    }
    authorization_ = *std::move(first);
  }
  ask();
  flush(wire_out);
  take_late(now);
  return state_ == State::failed ? Pump::failed : Pump::progressed;
}

void StreamConnect::ask() {
  head_.clear();
  head_bytes_ = 0;
  request_ = {};
  request_.method = "CONNECT";
  request_.target = authority_;
  request_.body = BodyStream{};
  upload_ = http::UploadBody(request_.body);
  // The fields that frame a message are left out.
  http::ForwardedBy for_proxy{.fields = &params_.fields};
  if (!params_.fields.contains("Proxy-Authorization")) for_proxy.authorization = authorization_;
  const auto stream = session_->open({.request = &request_,
                                      .upload = &upload_,
                                      .head = &head_,
                                      .rules = {.keep_raw_head = params_.seen != nullptr},
                                      .valid = true,
                                      .forwarded = &for_proxy});
  if (!stream) return fail_with(stream.error());
  stream_ = *stream;
  if (params_.seen) params_.seen->push_back({false, std::string(as_text(session_->request_head(stream_)))});
}

// ---- from the proxy ----

Pump StreamConnect::decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) {
  session_->set_time(now.steady);
  // So many bytes hold no more of the tunnel's.
  while (!wire_in.empty() && is_running() && !plain_out.empty()) {
    std::array<std::uint8_t, kPieceBytes> piece;
    const std::size_t size = std::min({wire_in.size(), plain_out.size(), piece.size()});
    std::copy_n(wire_in.begin(), size, piece.begin());
    wire_in = wire_in.subspan(size);
    take(MutableBytes(piece).first(size), plain_out, now);
    flush(wire_out);
    // SB-65: the session counts an answer as taken when it is here.
    if (wire_out.size() > kMostUnsent && is_running()) fail("it does not take the answers to its frames");
  }
  take_late(now);
  switch (state_) {
    case State::failed:
      return Pump::failed;
    case State::ended:
      wire_in = {};
      return Pump::closed;
    case State::talking:
    case State::open:
      break;
  }
  return wire_in.empty() ? Pump::need_input : Pump::need_space;
}

void StreamConnect::take(MutableBytes input, MutableBytes& plain_out, Now now) {
  while (!input.empty() && is_running()) {
    events_.clear();
    const auto taken = session_->receive(input, events_);
    for (http::Event& event : events_) on_event(event, plain_out, now);
    if (!taken) {
      if (is_running()) fail_with(taken.error());
      return;
    }
    input = input.subspan(*taken);
  }
}

void StreamConnect::on_event(http::Event& event, MutableBytes& plain_out, Now now) {
  if (event.stream != stream_ || !is_running()) return;  // of a stream that was given up
  switch (event.kind) {
    case http::Event::Kind::interim:
      return note_head(event.head_bytes);
    case http::Event::Kind::head:
      note_head(event.head_bytes);
      if (is_running()) judge(now);
      return;
    case http::Event::Kind::body:
      SLUICE_CHECK(state_ == State::open && event.body.size() <= plain_out.size());
      std::ranges::copy(event.body, plain_out.begin());
      plain_out = plain_out.subspan(event.body.size());
      return session_->consumed(stream_, event.body.size());
    case http::Event::Kind::complete:
      state_ = State::ended;
      return;
    case http::Event::Kind::failed:
    case http::Event::Kind::refused:
      return fail_with(event.error);
  }
}

// SB-19: of all heads together.
void StreamConnect::note_head(std::size_t bytes) {
  head_bytes_ += bytes;
  if (head_bytes_ > limits::kMaxHeadBytes) return fail("its response head is too large");
  if (params_.seen) params_.seen->push_back({true, std::string(head_.raw())});
}

void StreamConnect::judge(Now now) {
  if (head_.status >= 200 && head_.status <= 299) {
    if (const auto done = login_ ? login_->finish(head_) : Result<void>(); !done) return fail_with(done.error());
    state_ = State::open;
    login_.reset();
    return;
  }
  if (head_.status == kProxyChallenge && login_) {
    auto answer = login_->answer(head_, facts(), now);
    if (!answer) return fail_with(answer.error());
    if (*answer) {
      authorization_ = **std::move(answer);
      session_->abort(stream_);
      return ask();
    }
  }
  fail("it answered with status " + std::to_string(head_.status), head_.status);
}

// ---- to the proxy ----

// While the proxy's window is closed, nothing more is taken: so no more than one piece waits here.
Pump StreamConnect::encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) {
  while (!plain_in.empty() && state_ != State::failed) {
    if (state_ == State::ended) return Pump::closed;
    if (wire_out.size() >= wire_cap) return Pump::need_space;
    if (!upload_.empty()) return Pump::need_input;
    const MutableBytes space = upload_.space();
    if (space.empty()) throw std::bad_alloc();
    const std::size_t size = std::min({plain_in.size(), space.size(), kSentPiece});
    std::copy_n(plain_in.begin(), size, space.begin());
    plain_in = plain_in.subspan(size);
    upload_.commit(size);
    session_->upload_changed(stream_);
    flush(wire_out);
    take_late(now);
  }
  return state_ == State::failed ? Pump::failed : Pump::progressed;
}

void StreamConnect::drop_memory() noexcept {
  if (upload_.empty()) upload_ = http::UploadBody(request_.body);  // without its buffer
}

void StreamConnect::flush(std::vector<std::uint8_t>& wire_out) {
  for (OutputView out = session_->output(); !out.empty(); out = session_->output()) {
    for (std::size_t i = 0; i < out.count; ++i) {
      wire_out.insert(wire_out.end(), out.spans[i].begin(), out.spans[i].end());
    }
    session_->advance_output(out.size_bytes());
  }
  moved_.clear();
  session_->on_wire(0, moved_);
}

// What has happened to the session outside receive(), which would be told with the next bytes only.
void StreamConnect::take_late(Now now) {
  if (!is_running() || session_->deadline() != Instant{}) return;
  events_.clear();
  const auto told = session_->handle_timeout(now, events_);
  MutableBytes none;
  for (http::Event& event : events_) on_event(event, none, now);
  if (!told && is_running()) fail_with(told.error());
}

std::optional<Instant> StreamConnect::deadline() const {
  const auto due = state_ == State::open ? session_->deadline() : std::nullopt;
  return due ? std::optional(std::max(*due, postponed_)) : std::nullopt;
}

// While the wire takes bytes, a PING may still be among those that it has not taken: the session cannot know.
Pump StreamConnect::handle_timeout(std::vector<std::uint8_t>& wire_out, bool sends, Now now) {
  if (state_ != State::open || now.steady < postponed_) return Pump::progressed;
  if (sends && params_.ping_interval) {
    postponed_ = Timers::later(now.steady, *params_.ping_interval);
    return Pump::progressed;
  }
  events_.clear();
  const auto told = session_->handle_timeout(now, events_);
  MutableBytes none;
  for (http::Event& event : events_) on_event(event, none, now);
  flush(wire_out);
  if (!told && is_running()) {
    fail_with(told.error());
    error_.code = told.error().code;
    error_.blame = blame_of(error_.code);
  }
  return state_ == State::failed ? Pump::failed : Pump::progressed;
}

// ---- failures ----

void StreamConnect::fail(std::string_view why, int detail) {
  error_ = tunnel_error(state_ == State::open ? Code::receive_failed : failure(), params_.proxy, params_.target, why,
                        detail);
  state_ = State::failed;
}

// A shortage of memory is no fault of the proxy's.
void StreamConnect::fail_with(const Error& error) {
  if (error.code == Code::out_of_memory) throw std::bad_alloc();
  fail(error.message());
}

}  // namespace sluice::proxy
