// Carries a command line out over one Multi: starts operations in order, as many at once as it says, writes, reports,
// and counts. Knows when a transfer starts and what the user is told; what one transfer does is in
// running_operation.hpp.
//
// Exit code: that of the last transfer in the order of the command line, whatever became of the others; --fail-all: of
// the last one that failed; --fail-early: of the first that failed, which ends the run; 130 after Ctrl-C. The standard
// output is written with blocking calls: a reader that is slow holds up the transfers, which is what it wants.
#pragma once

#include <cstdint>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

struct RunSummary {
  std::size_t done = 0;
  std::size_t failed = 0;
  std::uint64_t bytes = 0;      // of bodies received
  std::size_t connections = 0;  // transfers that came with a connection of their own
  std::size_t reused = 0;       // transfers that rode on one that was open already
  Duration elapsed = Duration::zero();
  int exit_code = 0;
};

RunSummary run_command(const CommandLine& command);

}  // namespace sluice::cli
