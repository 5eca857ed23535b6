// The one place where time is read: CLOCK_MONOTONIC for timers and figures, the wall clock for certificates.
#pragma once

#include "core/types.hpp"

namespace sluice::net {

Instant read_steady();
Now read_clock();

}  // namespace sluice::net
