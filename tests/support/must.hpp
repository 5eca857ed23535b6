// What a test server cannot go on without.
#pragma once

#include <cstdlib>

namespace sluice::test {

inline void must(bool condition) {
  if (!condition) std::abort();
}

}  // namespace sluice::test
