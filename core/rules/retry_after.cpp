// See retry_after.hpp.
#include "core/rules/retry_after.hpp"

#include <algorithm>

#include "core/http_date.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice::rules {
namespace {

constexpr std::int64_t kMostSeconds = std::chrono::duration_cast<std::chrono::seconds>(kMaxRetryAfter).count();

// Of two times. Their difference may be more than a number can hold; a date is never as close to that as a clock is.
std::int64_t seconds_until(UnixSeconds date, UnixSeconds now) {
  if (date <= now) return 0;
  return now < date - kMostSeconds ? kMostSeconds : date - now;
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view value, UnixSeconds now) {
  std::optional<std::int64_t> seconds = clamped_decimal(value);
  if (!seconds) {
    const std::optional<UnixSeconds> date = parse_http_date(value, now);
    if (!date) return std::nullopt;
    seconds = seconds_until(*date, now);
  }
  return std::chrono::seconds(std::min(*seconds, kMostSeconds));
}

}  // namespace sluice::rules
