// Shrinks a failing scenario to a small one that fails in the same way: fewer transfers, then fewer features, then both
// again. Greedy, with a limited number of runs. Knows no engine. Leaves running a reduction to the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/sim/oracles/oracles.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

using RunReduced = std::function<std::optional<Finding>(const Reduction&)>;

struct Shrunk {
  Reduction reduction;
  Finding finding;       // of the reduced scenario; from the same oracle as before
  std::size_t runs = 0;  // how many runs it took
};

// `start` failed with `finding`. A smaller scenario counts if the same oracle fails; for crashes, if the message shows
// the same crash.
Shrunk shrink(std::uint64_t seed, const Reduction& start, const Finding& finding, const RunReduced& run,
              std::size_t max_runs = 300);

// The options that run a reduced scenario again: "--seed 7 --keep 1,4 --only resets". Uses the shorter one of --off and
// --only.
std::string options_for(std::uint64_t seed, const Reduction& reduction);

}  // namespace sluice::simtest
