// The options of retries: when a failed attempt is made again, and after how long. Plain values.
// Leaves to others: the decision, and carrying it out.
#pragma once

#include <cstdint>
#include <optional>

#include "types.hpp"

namespace sluice {

// Which attempts are made again. Always: those that end with a timeout, a failed name resolution, or one of the
// statuses 408, 429, 500, 502, 503, 504, 522 and 524. The members below add others. Never: those that would fail in the
// same way again or were ended by the application (invalid_url, unsupported_scheme, invalid_request, invalid_option,
// tls_config, canceled, rewind_failed, upload_failed, recursive_call, descriptor_too_large, out_of_memory, internal).
//
// A request is repeated whatever its method is, and the server may have acted on it before: a POST may take effect
// twice.
//
// A Retry-After field of a response (RFC 9110 10.2.3) makes a shorter wait longer, up to 6 hours.
struct RetryOptions {
  std::uint32_t max_retries = 0;  // 0: no retries
  // The wait before each retry; zero or more. nullopt: 1 s before the first retry, twice as long before each next one,
  // and at most 10 min.
  std::optional<Duration> delay = {};
  // No retry begins later than this after the start of the first attempt; nullopt: no limit. A retry whose wait would
  // end later is not made.
  std::optional<Duration> max_time = {};
  bool connection_refused = false;  // also where the server's host has refused the connection (connect_failed)
  bool all_errors = false;          // also after every other failure but those listed above
  // Also after every status from 400 on. curl's --retry-all-errors means `all_errors`, and this too only together with
  // --fail.
  bool all_error_statuses = false;
  // Also after a failure in the middle of a response of which the application was told (output::HeadReady): what it got
  // of the body is void then, and the next attempt begins a new body. output::HopDone tells of it.
  bool after_head = false;
  // The wait is a random time between half of the doubled wait and the whole, so that clients which failed together
  // do not come back together. `delay` and Retry-After are not changed.
  bool jitter = true;
  friend bool operator==(const RetryOptions&, const RetryOptions&) = default;
};

}  // namespace sluice
