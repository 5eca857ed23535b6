// How long a Retry-After field asks to wait (RFC 9110 10.2.3). Leaves to others: whether there is a retry (retry.hpp).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/types.hpp"

namespace sluice::rules {

// The longest wait that a server can ask for; a longer one becomes this.
inline constexpr Duration kMaxRetryAfter = std::chrono::hours(6);

// From `now`: 0 to kMaxRetryAfter; zero for a date that has passed. nullopt: the value is neither a number of seconds
// nor a date.
std::optional<Duration> parse_retry_after(std::string_view value, UnixSeconds now);

}  // namespace sluice::rules
