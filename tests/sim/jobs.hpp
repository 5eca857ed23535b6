// Runs seeds in several processes, so that a seed that crashes or hangs is known by its number and does not affect
// others. Knows processes, pipes and real time. Seeds are given out in ascending order, and the report does not depend
// on the number of processes. Leaves the meaning of a seed to the caller.
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
  bool until_failure = false;   // no seed after a failed one is begun
  bool shows_progress = false;  // a line on stderr every ten seconds
};

Tally run_seeds(const JobOptions& options, const RunSeed& run);

// Whether this build finds memory leaks of a worker (address sanitizer). A leak is a failure "leaks" without a known
// seed.
bool finds_leaks();

// Calls `run` in a process of its own, without output on stderr. A crash is a finding like those of the oracles:
// "crash", with the line that identifies it in the message, if there is one: "signal 6: core/x.cpp:12: CHECK failed:
// ...".
std::optional<Finding> run_apart(const std::function<RunResult()>& run);

}  // namespace sluice::simtest
