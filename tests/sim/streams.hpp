// Many exchanges on one HTTP/2 connection, some at a time: whether the last ones cost as much as the first, in time and
// memory. The server is a few bytes of this program, so that the figures are the engine's own. Leaves correctness to
// the rest of this folder.
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace sluice::simtest {

inline constexpr std::size_t kStreamsAtOnce = 64;
inline constexpr std::size_t kStreamParts = 10;

struct StreamFigures {
  std::string fault = {};                    // "" on success; else what failed, and the figures are invalid
  std::array<double, kStreamParts> ns = {};  // processor time for each exchange, in each tenth of all
  std::array<std::size_t, kStreamParts> kept =
      {};  // bytes that are allocated after each tenth, with the connection idle
};

// `streams` is rounded up, so that each part has whole rounds of kStreamsAtOnce.
StreamFigures measure_streams(std::size_t streams);

// The time of an exchange in the last part, as a multiple of that in the first one; and how many bytes more are kept.
inline constexpr double kStreamTimeGoal = 1.3;
inline constexpr std::size_t kStreamKeptGoalBytes = 1'024;

// `sluice_sim --streams N`: prints a table to the standard output. The exit code: 0; 1 if something went wrong or a
// goal was missed; 2 for an N of 0. In a build without HTTP/2 it says so, and the code is 0.
int run_streams(std::size_t streams);

}  // namespace sluice::simtest
