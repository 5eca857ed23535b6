// See event_source.hpp.
#include "core/event_source.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/ascii.hpp"

namespace sluice {
namespace {

constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr std::string_view kEventType = "text/event-stream";

std::unexpected<Error> no_stream(std::string what) {
  return std::unexpected(make_error(Code::malformed_response, "no stream of events: " + std::move(what)));
}

// Another request would fail in the same way. So it would after every error of the caller's, or of sluice.
constexpr Code kFinal[] = {Code::tls_certificate, Code::unsupported_coding, Code::body_too_large,
                           Code::too_many_redirects, Code::descriptor_too_large};

bool is_final(const Error& error) {
  return error.blame == Blame::caller || error.blame == Blame::internal ||
         std::ranges::find(kFinal, error.code) != std::end(kFinal);
}

}  // namespace

Result<void> EventSource::begin(Fields& fields) {
  stream_.restart();
  verdict_ = {};
  is_stream_ = false;
  auto set = fields.set("Accept", kEventType);
  if (set) set = fields.set("Cache-Control", "no-store");
  if (!stream_.last_event_id().empty()) {
    if (set) set = fields.set("Last-Event-ID", stream_.last_event_id());
  } else {
    fields.remove("Last-Event-ID");
  }
  return set;
}

Result<void> EventSource::accept(const ResponseHead& head) {
  if (head.status == 204) {
    is_over_ = true;
    return {};
  }
  const std::string_view type = head.fields.find("Content-Type").value_or("");
  if (head.status != 200) {
    verdict_ = no_stream("the server answered " + std::to_string(head.status) +
                         (head.reason.empty() ? "" : " " + head.reason));
  } else if (!equals_ignoring_case(trim_blanks(type.substr(0, type.find(';'))), kEventType)) {
    verdict_ = no_stream("its type is \"" + std::string(type.substr(0, 100)) + "\"");
  } else {
    is_stream_ = true;
  }
  return verdict_;
}

Result<std::optional<ServerEvent>> EventSource::next(Bytes& bytes) {
  auto event = stream_.next(bytes);
  if (!event) verdict_ = std::unexpected(event.error());
  return event;
}

Result<std::optional<Duration>> EventSource::end(const Result<void>& result) {
  if (!verdict_) return std::unexpected(verdict_.error());
  if (is_over_) return std::optional<Duration>();
  if (!result && is_final(result.error())) return std::unexpected(result.error());
  return std::optional(next_wait());
}

Duration EventSource::next_wait() {
  const Duration asked = std::min(stream_.retry().value_or(options_.wait), options_.max_wait);
  failures_ = is_stream_ ? 0 : failures_ + 1;
  if (is_stream_ || asked >= options_.max_backoff) return asked;
  Duration wait = std::max(asked, kFirstBackoff);
  for (std::uint32_t i = 1; i < failures_ && wait < options_.max_backoff; ++i) wait *= 2;
  return std::min({wait, options_.max_backoff, options_.max_wait});
}

}  // namespace sluice
