// The smallest loop there is: run a Multi over fdset and select(2) until it has nothing left to do.
#pragma once

#include "adapters/multi.hpp"

namespace sluice {

// Drives until no transfer is running. Messages stay in the Multi for info_read(). Error: descriptor_too_large with more
// descriptors than select(2) can hold (use Multi::poll then), or what select(2) answered.
Result<void> run(Multi& multi);

}  // namespace sluice
