// See fetch.hpp.
#include "tests/support/fetch.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

namespace sluice::test {
namespace {

constexpr std::size_t kStreamPiece = 50'000;

}  // namespace

std::string Fetch::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return "";
}

std::optional<Code> Fetch::code() const {
  if (!message || message->result) return std::nullopt;
  return message->result.error().code;
}

std::string Fetch::error() const { return message && !message->result ? message->result.error().message() : ""; }

void Fetch::on_head(Multi&, TransferId, const ResponseHead& head) {
  status = head.status;
  for (const Field each : head.fields) fields.emplace_back(each.name, each.value);
}

std::size_t Fetch::on_upload(Multi& multi, TransferId upload, MutableBytes space) {
  if (!std::exchange(gives_next_, false)) return 0;
  const std::size_t size = std::min({kStreamPiece, space.size(), upload_.size() - given_});
  if (size > 0) std::memcpy(space.data(), upload_.data() + given_, size);
  given_ += size;
  if (given_ == upload_.size()) multi.finish_upload(upload);
  return size;
}

std::size_t Fetch::on_body(Multi&, TransferId, Bytes bytes) {
  bytes = bytes.first(std::min(bytes.size(), hold_at - std::min(received, hold_at)));
  if (!expected) {
    body.append(as_text(bytes));
  } else if (received + bytes.size() > expected->size() ||
             std::memcmp(expected->data() + received, bytes.data(), bytes.size()) != 0) {
    as_expected = false;
  }
  received += bytes.size();
  return bytes.size();
}

Client::Client(MultiOptions options) {
  auto made = Multi::create(std::move(options));
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  multi_ = std::move(*made);
}

Fetch& Client::add(const std::string& url, const Get& get, std::optional<std::string_view> expected) {
  auto parsed = Url::parse(url);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message());
  Request request;
  request.method = get.method;
  request.url = std::move(*parsed);
  for (const auto& [name, value] : get.fields) REQUIRE(request.fields.add(name, value).has_value());
  if (get.body) request.body = BodyOwned{*get.body};
  if (get.stream) request.body = BodyStream{};
  TransferOptions options;
  options.tls = get.tls;
  options.http_versions = get.versions;
  if (get.follow) options.redirects.emplace();
  auto fetch = std::make_unique<Fetch>();
  fetch->expected = expected;
  fetch->upload_ = get.stream.value_or("");
  auto id = multi_->add(std::move(request), std::move(options), fetch.get());
  REQUIRE_MESSAGE(id.has_value(), id.error().message());
  fetch->id = *id;
  if (get.stream) uploads_.push_back(fetch.get());
  fetches_.push_back(std::move(fetch));
  return *fetches_.back();
}

void Client::step() {
  for (Fetch* upload : uploads_) {
    upload->gives_next_ = true;
    if (!upload->message) multi_->resume(upload->id);
  }
  REQUIRE(multi_->poll({}, std::chrono::milliseconds(100)).has_value());
  REQUIRE(multi_->perform() != Drive::failed);
  collect();
}

void Client::run(std::chrono::seconds longest) {
  const auto limit = std::chrono::steady_clock::now() + longest;
  REQUIRE(multi_->perform() != Drive::failed);
  collect();
  while (multi_->running() > 0) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < limit, multi_->running(), " transfers still run");
    step();
  }
}

Fetch& Client::fetch(const std::string& url, const Get& get, std::optional<std::string_view> expected) {
  Fetch& fetch = add(url, get, expected);
  run();
  return fetch;
}

void Client::collect() {
  while (auto message = multi_->info_read()) {
    // Ids are used again, so the newest fetch with this id is the right one.
    for (auto each = fetches_.rbegin(); each != fetches_.rend(); ++each) {
      if ((*each)->id != message->transfer) continue;
      const TransferId id = message->transfer;
      (*each)->message = std::move(*message);
      multi_->remove(id);
      break;
    }
  }
}

std::shared_ptr<const TlsConfig> tls_config(TlsOptions options) {
  auto made = TlsConfig::create(std::move(options));
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  return *made;
}

std::shared_ptr<const TlsConfig> trusting(const std::string& root_pem) {
  TlsOptions options;
  options.trust_anchors_pem = root_pem;
  return tls_config(std::move(options));
}

void raise_descriptor_limit() {
  rlimit descriptors = {};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

}  // namespace sluice::test
