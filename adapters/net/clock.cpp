// See clock.hpp. Both readings come from the vDSO; the wall's is the coarse one, since whole seconds are all that is
// asked of it.
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
