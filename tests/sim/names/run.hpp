// Runs transfers to names whose addresses and look-ups change, with options for the name cache and a rule for addresses
// that are drawn from the seed. The facts of the world are drawn one by one; there is no simulated network.
//
// The oracles: a name is looked up only when nothing usable is known of it, once at a time, and an answer that is too
// old is looked up again when it is used; a connection goes to an address of an answer that may be used for it, and of
// which the rule was asked; what is known is used at once, in the order that the family which won before asks for; a
// failure that is remembered is told without asking; and every transfer ends, for a reason that was there. Every fourth
// seed is one for HTTPS records instead (records.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// `each_line` gets the trace as in run(); may be null.
RunResult run_names_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);
std::string describe_names_seed(std::uint64_t seed);

}  // namespace sluice::simtest
