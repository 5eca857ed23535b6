// A Multi tried from a seed: transfers over custom transports that misbehave, driven in every way there is, against the simulator's
// own HTTP origins, with oracles after every drive.
//
// The clock is the real one, as in any Multi, so the order of events is not the same from run to run, and neither is a trace. But the
// scenario and every decision of a fault come from the seed, counted by connection, by transfer and by call: a seed that fails
// fails again nearly always. `sluice_sim --multi --seed S` a few times over tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::simtest {

// Runs the scenario of one seed, some 5 to 20 ms. Null: all is well. Else one line: which oracle was not content, and
// with what. One at a time in a process, as it counts the process's descriptors: several at once are several processes.
std::optional<std::string> run_multi_seed(std::uint64_t seed);

// The scenario of a seed in one line, for whoever looks at a failure.
std::string describe_multi_seed(std::uint64_t seed);

}  // namespace sluice::simtest
