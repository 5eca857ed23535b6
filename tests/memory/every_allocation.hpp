// A story told again and again, each time with another allocation failing, until none is left to fail.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include "tests/memory/shortage.hpp"

namespace sluice::test {

// `tell(run)` lives through one run in a thread of its own, so that what BoringSSL keeps for each thread is made anew, and
// answers what was wrong. `relieve()` is its business: with the memory back everything must go well again.
template <class Tell>
void with_every_allocation_failing(const std::string& name, Tell tell,
                                   std::initializer_list<Shortage> kinds = {Shortage::once, Shortage::from_then_on}) {
  const auto in_thread = [&](std::size_t nth, Shortage kind) {
    std::vector<std::string> faults;
    std::thread([&] {
      run_short(nth, kind);
      faults = tell();
      relieve();
    }).join();
    return faults;
  };
  for (const std::string& fault : in_thread(SIZE_MAX, Shortage::once)) FAIL((name + ", with all the memory there is: " + fault));
  const std::size_t whole = allocations();
  CHECK(whole > 0);
  std::size_t wrong = 0;
  for (const Shortage kind : kinds) {
    std::size_t nth = 1;
    for (;; ++nth) {
      const auto faults = in_thread(nth, kind);
      for (const std::string& fault : faults) {
        const std::string which = std::to_string(nth) + (kind == Shortage::once ? " fails: " : " and all after it fail: ");
        FAIL_CHECK((name + ", allocation " + which + fault));
      }
      if (!faults.empty()) ++wrong;
      if (!ran_short() || wrong > 20) break;
    }
    std::printf("%s: %zu allocations, each failed %s\n", name.c_str(), nth - 1, kind == Shortage::once ? "alone" : "with all after it");
  }
}

}  // namespace sluice::test
