// Stops the process if a call fails that a test server needs.
#pragma once

#include <cstdlib>

namespace sluice::test {

inline void must(bool condition) {
  if (!condition) std::abort();
}

}  // namespace sluice::test
