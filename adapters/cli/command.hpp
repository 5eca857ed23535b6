// Runs a command line with one Multi: starts operations in order, as many at once as allowed, writes, reports and
// counts. Decides when a transfer starts and what the user is told. Leaves the work of one transfer to
// running_operation.hpp.
//
// Exit code: that of the last transfer in the order of the command line; with --fail-all of the last one that failed;
// with --fail-early of the first that failed, which ends the run; 130 after Ctrl-C. The standard output is written with
// blocking calls: a slow reader delays the transfers on purpose.
#pragma once

#include <cstdint>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

struct RunSummary {
  std::size_t done = 0;
  std::size_t failed = 0;
  std::uint64_t bytes = 0;      // received body bytes
  std::size_t connections = 0;  // transfers that made a new connection
  std::size_t reused = 0;       // transfers that used an open connection
  Duration elapsed = Duration::zero();
  int exit_code = 0;
};

RunSummary run_command(const CommandLine& command);

}  // namespace sluice::cli
