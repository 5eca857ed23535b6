// Runs transfers with limits in a simulated world: timeouts of single phases, an abort by low speed, rates of one
// transfer and of all, the greatest age and number of uses of a connection, and a change of the network; before origins
// that are slow, mute, or have names without an answer.
//
// The oracles: no more bytes pass than the rates allow; a limit that ends a transfer has passed, and one that has
// passed ends it; a connection carries no exchange when it is too old, was used too often, or is of another network; a
// response is whole; and every transfer ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// `each_line` gets the trace as in run(); may be null.
RunResult run_limits_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);
std::string describe_limits_seed(std::uint64_t seed);

}  // namespace sluice::simtest
