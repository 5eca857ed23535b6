// The command line of sluice_sim, in the library, so that a program built against another core (with a bug planted in
// it) is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// What the command can do beside its own seeds, where the program has it.
struct Modes {
  int (*scale)(std::size_t transfers) = nullptr;  // --scale: answers the exit code
  // --multi: as run(), of a seed.
  RunResult (*multi)(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) = nullptr;
  std::string (*describe_multi)(std::uint64_t seed) = nullptr;  // its scenario in words
};

// The exit code: 0 all passed, 1 something failed, 2 wrong options.
int sim_main(int argc, char** argv, const Modes& modes = {});

}  // namespace sluice::simtest
