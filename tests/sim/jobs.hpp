// Seeds, run by processes side by side, so that a seed that crashes or hangs is known by its number and harms no other.
// Knows processes, pipes and time that passes on the wall; what a seed means is the caller's. Seeds are given out in
// ascending order, and whatever is reported does not depend on the number of processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

using RunSeed = std::function<RunResult(std::uint64_t seed)>;

struct Failure {
  std::uint64_t seed;
  Finding finding;
};

struct Tally {
  std::uint64_t passed = 0;
  std::vector<Failure> failures;  // by seed
  std::uint64_t hash = 0;         // over the seeds' hashes
  std::uint64_t steps = 0;
  double seconds = 0;
};

struct JobOptions {
  std::uint64_t first = 1;
  std::uint64_t count = 1000;
  std::size_t jobs = 1;
  bool until_failure = false;   // no seed past one that has failed is begun
  bool shows_progress = false;  // a line on stderr every ten seconds
};

Tally run_seeds(const JobOptions& options, const RunSeed& run);

// Whether this build finds memory that a worker has lost (the address sanitizer's). It is a failure "leaks", of no
// known seed.
bool finds_leaks();

// Runs one thing in a process of its own, silent on stderr. A crash is a finding like those of the oracles: "crash",
// whose message also says which one it is, where the process has said so: "signal 6: core/x.cpp:12: CHECK failed: ...".
std::optional<Finding> run_apart(const std::function<RunResult()>& run);

}  // namespace sluice::simtest
