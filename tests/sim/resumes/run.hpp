// Runs resumed downloads of a seed in a simulated world: connections break, files change in the middle, and the origin
// answers requests for ranges in ways that it may and may not. The downloader is what an application does with
// core/resume.hpp and core/validators.hpp.
//
// The oracles: a file that is said to be complete is one version of the origin's, whole; a part that follows what is
// kept, of a version with the same validators, is used, and is as long as it says; and every download ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// `each_line` gets the trace as in run(); may be null.
RunResult run_resumes_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);
std::string describe_resumes_seed(std::uint64_t seed);

}  // namespace sluice::simtest
