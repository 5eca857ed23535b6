// Runs a scenario repeatedly, each time with another failing allocation, or another failing pair, until all have failed
// once.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/memory/shortage.hpp"

namespace sluice::test {

inline std::size_t open_descriptors() {
  // One of them is always the iterator's own.
  return static_cast<std::size_t>(std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd")));
}

// Whether the count is as before; the test's server may close its end a moment later.
inline bool descriptors_are_back(std::size_t before) {
  for (int waits = 0; open_descriptors() > before; ++waits) {
    if (waits == 400) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// `tell(run)` performs one run in a thread of its own, so that BoringSSL's thread-local data is created again, and
// returns what was wrong. It must call `relieve()`: with memory available everything must work again. After the kinds
// of shortage, pairs are run: each allocation fails together with the one that comes N after it, for each N in `pairs`.
// This makes an allocation fail in the work that a first failure has postponed.
template <class Tell>
void with_every_allocation_failing(const std::string& name, Tell tell,
                                   std::initializer_list<Shortage> kinds = {Shortage::once, Shortage::from_then_on},
                                   const std::vector<std::size_t>& pairs = {}) {
  // After one run, objects that exist once per process (the test's server, libuv's own pipe) have been created.
  bool counts = false;
  const auto in_thread = [&](std::size_t nth, Shortage kind, std::size_t again = 0) {
    std::vector<std::string> faults;
    const std::size_t descriptors = open_descriptors();
    std::thread([&] {
      run_short(nth, kind, again);
      faults = tell();
      relieve();
    }).join();
    if (std::exchange(counts, true) && !descriptors_are_back(descriptors)) faults.push_back("a descriptor is left");
    return faults;
  };
  for (const std::string& fault : in_thread(SIZE_MAX, Shortage::once))
    FAIL((name + ", with all the memory there is: " + fault));
  const std::size_t whole = allocations();
  CHECK(whole > 0);
  std::size_t wrong = 0;
  const auto each = [&](Shortage kind, std::size_t again, const std::string& how) {
    std::size_t nth = 1;
    for (;; ++nth) {
      const auto faults = in_thread(nth, kind, again);
      for (const std::string& fault : faults)
        FAIL_CHECK((name + ", allocation " + std::to_string(nth) + " fails " + how + ": " + fault));
      if (!faults.empty()) ++wrong;
      if (!ran_short() || wrong > 20) break;
    }
    std::printf("%s: %zu allocations, each failed %s\n", name.c_str(), nth - 1, how.c_str());
  };
  for (const Shortage kind : kinds) each(kind, 0, kind == Shortage::once ? "alone" : "with all after it");
  for (const std::size_t again : pairs)
    each(Shortage::once, again, "with the one " + std::to_string(again) + " after it");
}

}  // namespace sluice::test
