// A Multi tried from a seed, in the simulated world: transfers over TCP and over custom transports that misbehave,
// driven in every way there is, against the simulator's own HTTP origins, with oracles after every drive.
//
// Time is virtual, so a seed that fails fails again, in the same way. `sluice_sim --multi --seed S` tells.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// Runs the scenario of one seed, some milliseconds. A finding's message says which oracle was not content, and with
// what. `each_line` gets the trace as in run(); null: nobody does.
RunResult run_multi_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);

// The scenario of a seed in one line, for whoever looks at a failure.
std::string describe_multi_seed(std::uint64_t seed);

}  // namespace sluice::simtest
