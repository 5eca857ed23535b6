// A limit on how many bytes pass in a second, on average (a token bucket): says how many bytes may pass now, and when
// the next ones may. Leaves to others: holding back what may not pass, and the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/types.hpp"

namespace sluice {

class RateLimit {
 public:
  RateLimit() = default;  // no limit
  // nullopt, or 0: no limit. At first one portion may pass.
  RateLimit(std::optional<std::uint64_t> bytes_per_second, Instant now);

  bool limits() const { return rate_ != 0; }
  // How many bytes may pass now. Zero, or at least a portion: a twentieth of what passes in a second, but no more than
  // 16 KiB. The greatest number without a limit. After a pause at most what passes in a tenth of a second.
  std::size_t allowed(Instant now) const;
  // These bytes have passed. They may be more than were allowed: then the next ones wait longer.
  void passed(std::size_t bytes, Instant now);
  // When allowed() is not zero; it may be in the past.
  Instant ready() const;
  // How long it takes until this many bytes are allowed.
  Duration time_for(std::size_t bytes) const;

 private:
  std::size_t portion() const;
  Duration burst() const;  // the longest time whose bytes may pass at once

  std::uint64_t rate_ = 0;  // bytes a second; 0: no limit
  Instant paid_;            // what has passed so far was allowed at this time
};

}  // namespace sluice
