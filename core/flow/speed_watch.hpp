// Tells whether a transfer is slower than a limit over a period (TransferLimits::low_rate). The period is cut into
// eight steps, and at the end of each the last eight are added up. Leaves to others: the timer and the byte counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.hpp"

namespace sluice::flow {

class SpeedWatch {
 public:
  SpeedWatch() = default;
  SpeedWatch(std::uint64_t low_rate, Duration period);  // both more than zero

  Duration step() const { return step_; }
  // Begins anew. `moved`: how many bytes have come and gone so far.
  void begin(std::uint64_t moved);
  // A step has ended. `excused`: the transfer was held up by this side, so the step counts as fast enough. True: fewer
  // bytes than the limit allows have moved over the period that ends now.
  bool is_too_slow(std::uint64_t moved, bool excused);

 private:
  static constexpr std::size_t kSteps = 8;
  std::uint64_t needed_ = 0;  // bytes in a period
  Duration step_ = {};
  std::uint64_t moved_ = 0;
  std::array<std::uint64_t, kSteps> last_ = {};  // bytes of each of the last steps
  std::size_t steps_ = 0;
};

}  // namespace sluice::flow
