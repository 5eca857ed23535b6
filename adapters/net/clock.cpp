// See clock.hpp. Both clocks are read through the vDSO, without a system call. The coarse wall clock is enough, because
// only whole seconds are needed.
#include "adapters/net/clock.hpp"

#include <ctime>

namespace sluice::net {

Instant read_steady() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Now read_clock() { return {read_steady(), static_cast<UnixSeconds>(::time(nullptr))}; }

}  // namespace sluice::net
