// How long the calling thread has waited for a core that others had (the kernel's schedstat). What a machine that is
// busy with other work takes from a test can be told from what the code under test takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>

namespace sluice::test {

// Since the thread began; zero where the kernel does not say.
inline std::chrono::nanoseconds run_delay() {
  std::uint64_t ran = 0, waited = 0;
  std::ifstream file("/proc/thread-self/schedstat");
  return file >> ran >> waited ? std::chrono::nanoseconds(waited) : std::chrono::nanoseconds(0);
}

}  // namespace sluice::test
