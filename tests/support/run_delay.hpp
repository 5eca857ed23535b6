// How long the calling thread has waited for a CPU (the kernel's schedstat). So the delay by a busy machine can be
// separated from the time of the code under test.
#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>

namespace sluice::test {

// Since the thread began; zero if the kernel does not report it.
inline std::chrono::nanoseconds run_delay() {
  std::uint64_t ran = 0, waited = 0;
  std::ifstream file("/proc/thread-self/schedstat");
  return file >> ran >> waited ? std::chrono::nanoseconds(waited) : std::chrono::nanoseconds(0);
}

}  // namespace sluice::test
