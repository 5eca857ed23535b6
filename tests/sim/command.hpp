// The command line of sluice_sim, in a library, so that the program with planted bugs in the core has the same. Leaves
// running seeds to jobs.hpp and run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// Further modes of the command, if the program has them.
struct Modes {
  // What an option runs for each seed instead of scenarios of an engine.
  struct Other {
    std::string option;  // "--multi"
    RunResult (*run)(std::uint64_t seed,
                     const std::function<void(const std::string&)>& each_line) = nullptr;  // as run()
    std::string (*describe)(std::uint64_t seed) = nullptr;  // its scenario as text; may be null
  };
  int (*scale)(std::size_t transfers) = nullptr;  // --scale: returns the exit code
  int (*streams)(std::size_t count) = nullptr;    // --streams: the same
  std::vector<Other> others = {};
};

// The exit code: 0 all passed, 1 something failed, 2 wrong options.
int sim_main(int argc, char** argv, const Modes& modes = {});

}  // namespace sluice::simtest
