// Runs a scenario in a world of its own, with an application that follows the plans, and with oracles. The same
// scenario gives the same run on every machine. Leaves drawing scenarios to scenario/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/sim/oracles/oracles.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

struct RunResult {
  std::optional<Finding> finding;  // nullopt: no oracle failed
  std::uint64_t hash = 0;          // hash of the trace
  std::uint64_t steps = 0;
};

// `each_line` gets the trace line by line soon after it was written, so that a crash comes after the lines that led to
// it; may be null.
RunResult run(const Scenario& scenario, const std::function<void(const std::string&)>& each_line = nullptr);

}  // namespace sluice::simtest
