// The only place where time is read: CLOCK_MONOTONIC for timers and progress, the wall clock for certificates. Leaves
// the use of the time to others.
#pragma once

#include "core/types.hpp"

namespace sluice::net {

Instant read_steady();
Now read_clock();

}  // namespace sluice::net
