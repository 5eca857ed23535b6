// Tests a Multi in the simulated world, from a seed: transfers over TCP and over faulty custom transports, driven in
// every way, with the simulator's HTTP origins, and oracles after every drive. In a third of the seeds most origins
// speak HTTP/2, and the application changes priorities and limits, cancels, and lets go of idle connections.
//
// Time is virtual, so a failing seed fails again in the same way. `sluice_sim --multi --seed S` shows it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// Runs the scenario of one seed, which takes some milliseconds. A finding's message tells which oracle failed, and why.
// `each_line` gets the trace as in run(); may be null.
RunResult run_multi_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);

// The scenario of a seed in one line, to understand a failure.
std::string describe_multi_seed(std::uint64_t seed);

}  // namespace sluice::simtest
