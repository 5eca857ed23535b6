// See retry.hpp.
#include "core/rules/retry.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>

#include "core/rules/retry_after.hpp"

namespace sluice::rules {
namespace {

constexpr Duration kFirstDelay = std::chrono::seconds(1);
constexpr Duration kMaxDelay = std::chrono::minutes(10);

// Which option asks for a retry after a failure.
enum class Kind : std::uint8_t {
  transient,      // none
  connect_error,  // connection_refused, if it was that
  other,          // all_errors
  final,          // there is never one
};

Kind kind_of(Code code) {
  switch (code) {
    case Code::resolve_failed:
    case Code::proxy_resolve_failed:
    case Code::connect_timeout:
    case Code::total_timeout:
    case Code::attempts_timeout:
    case Code::idle_timeout:
    case Code::queue_timeout:
    case Code::resolve_timeout:
    case Code::tls_timeout:
    case Code::response_timeout:
    case Code::too_slow:
      return Kind::transient;
    case Code::connect_failed:
      return Kind::connect_error;
    case Code::send_failed:
    case Code::receive_failed:
    case Code::connection_closed:
    case Code::malformed_response:
    case Code::not_http:
    case Code::unsupported_coding:
    case Code::bad_coding:
    case Code::truncated:
    case Code::unexpected_upgrade:
    case Code::http2_error:
    case Code::http2_stream:
    case Code::tls_handshake:
    case Code::tls_certificate:
    case Code::tls_pin:
    case Code::tls_status:
    case Code::tls_failed:
    case Code::authentication_failed:
    case Code::tunnel_failed:
    case Code::socks_failed:
    case Code::response_too_large:
    case Code::body_too_large:
    case Code::too_many_redirects:
    case Code::too_many_descriptors:
      return Kind::other;
    case Code::invalid_url:
    case Code::unsupported_scheme:
    case Code::invalid_request:
    case Code::invalid_option:
    case Code::tls_config:
    case Code::canceled:
    case Code::rewind_failed:
    case Code::upload_failed:
    case Code::address_forbidden:
    case Code::bind_failed:
    case Code::descriptor_too_large:
    case Code::recursive_call:
    case Code::out_of_memory:
    case Code::internal:
      return Kind::final;
  }
  return Kind::final;
}

bool may_follow_failure(const Error& failure, const RetryOptions& options) {
  switch (kind_of(failure.code)) {
    case Kind::transient:
      return true;
    case Kind::connect_error:
      // The detail of connect_failed is the system's error number (core/error.hpp).
      return options.all_errors ||
             (options.connection_refused && failure.detail == static_cast<int>(std::errc::connection_refused));
    case Kind::other:
      return options.all_errors;
    case Kind::final:
      return false;
  }
  return false;
}

bool may_follow_status(int status, const RetryOptions& options) {
  // 522 and 524 are of Cloudflare: the origin server did not answer in time.
  constexpr int kTransient[] = {408, 429, 500, 502, 503, 504, 522, 524};
  return std::find(std::begin(kTransient), std::end(kTransient), status) != std::end(kTransient) ||
         (options.all_error_statuses && status >= 400);
}

Duration doubled_delay(std::uint32_t retries) {
  constexpr std::uint32_t kMaxDoublings = 10;  // past kMaxDelay
  return std::min(kMaxDelay, kFirstDelay * (1 << std::min(retries, kMaxDoublings)));
}

Duration policy_delay(const RetryAttempt& attempt) {
  if (attempt.options.delay) return *attempt.options.delay;
  const Duration whole = doubled_delay(attempt.retries);
  if (!attempt.options.jitter) return whole;
  const Duration half = whole / 2;
  return half + Duration(static_cast<std::int64_t>(attempt.random.below(static_cast<std::uint64_t>(half.count()) + 1)));
}

Duration asked_delay(const RetryAttempt& attempt) {
  const auto value = attempt.fields.find("Retry-After");
  const auto asked = value ? parse_retry_after(*value, attempt.now) : std::nullopt;
  return asked.value_or(Duration::zero());
}

}  // namespace

std::optional<Duration> retry_delay(const RetryAttempt& attempt) {
  const RetryOptions& options = attempt.options;
  if (attempt.retries >= options.max_retries) return std::nullopt;
  const bool may_follow =
      attempt.failure ? may_follow_failure(*attempt.failure, options) : may_follow_status(attempt.status, options);
  if (!may_follow) return std::nullopt;
  const Duration delay = std::max(policy_delay(attempt), asked_delay(attempt));
  if (!options.max_time) return delay;
  const Duration elapsed = std::max(attempt.elapsed, Duration::zero());
  if (elapsed > *options.max_time || delay > *options.max_time - elapsed) return std::nullopt;
  return delay;
}

}  // namespace sluice::rules
