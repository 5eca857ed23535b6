// Runs a scenario in a world of its own, with an application that does what the transfers' plans say and oracles that
// watch. The same scenario gives the same run, wherever it runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/sim/oracles/oracles.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

struct RunResult {
  std::optional<Finding> finding;  // null: all oracles are content
  std::uint64_t hash = 0;          // of the trace
  std::uint64_t steps = 0;
};

// `each_line` gets the trace line by line, soon after it was written, so that a crash comes behind what led to it.
// Null: nobody does.
RunResult run(const Scenario& scenario, const std::function<void(const std::string&)>& each_line = nullptr);

}  // namespace sluice::simtest
