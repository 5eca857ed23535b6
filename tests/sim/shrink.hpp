// From a scenario that fails to a small one that fails in the same way: fewer transfers, then fewer features, then both
// again. Greedy, and bounded in runs. Knows no engine: who runs a reduction and says what its oracles found is the
// caller's.
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
  Finding finding;       // of the reduced scenario; by the same oracle as before
  std::size_t runs = 0;  // that it took
};

// `start` is how it failed, with `finding`. A smaller scenario counts if the same oracle speaks; of crashes, if it is
// the same one, by its message.
Shrunk shrink(std::uint64_t seed, const Reduction& start, const Finding& finding, const RunReduced& run,
              std::size_t max_runs = 300);

// The options that show a reduced scenario again: "--seed 7 --keep 1,4 --only resets". The shorter one of --off and
// --only is said.
std::string options_for(std::uint64_t seed, const Reduction& reduction);

}  // namespace sluice::simtest
