// Whether a failed attempt is made again, and after how long (RetryOptions). A pure decision.
// Leaves to others: waiting and sending (core/flow), and the repetition of a request whose reused connection was closed
// (core/engine/carrier.hpp).
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/random.hpp"
#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/retry_options.hpp"
#include "core/types.hpp"

namespace sluice::rules {

// The end of an attempt. All that is referred to must live during the call.
struct RetryAttempt {
  const RetryOptions& options;
  std::uint32_t retries;  // made so far
  Duration elapsed;       // since the start of the first attempt
  int status;             // of the response; 0: none
  const Fields& fields;   // of the response
  // Null: the attempt has ended with a complete response, and its status decides. Else only the failure decides.
  const Error* failure;
  Random& random;  // for RetryOptions::jitter
  UnixSeconds now;
};

// The wait before the next attempt, zero or more; nullopt: there is none. A timeout that covers all attempts leaves no
// time for a retry: the caller knows this, and does not ask.
std::optional<Duration> retry_delay(const RetryAttempt& attempt);

}  // namespace sluice::rules
