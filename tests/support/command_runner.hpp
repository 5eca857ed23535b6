// The built `sluice` command as a child: arguments in, exit code and both streams out. Where the binary is:
// SLUICE_COMMAND in the environment, else beside the test's own place in the build folder.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

struct CommandOptions {
  std::optional<std::string> stdin_text = {};  // through a pipe; none: /dev/null. At most 64 KiB.
  int stdin_fd = -1;                           // instead: a pipe that the test writes to
  std::string stdout_path = {};                // instead of being kept: "/dev/full"
  int stdout_fd = -1;                          // instead of being kept
  int stderr_fd = -1;                          // instead of being kept: a terminal
  int most_descriptors = 0;                    // the limit of what it may have open; 0: the test's own
  std::filesystem::path directory = {};        // to run in; empty: a fresh one
  std::vector<std::string> environment = {};   // "NAME=VALUE", added
};

struct CommandResult {
  int exit_code = -1;  // -1: a signal ended it, or the test did after a minute
  std::string out;
  std::string err;
};

class RunningCommand {
 public:
  explicit RunningCommand(std::vector<std::string> arguments, const CommandOptions& options = {});
  ~RunningCommand();  // kills what still runs
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  pid_t pid() const { return pid_; }
  CommandResult wait();

 private:
  TempFolder own_;
  pid_t pid_ = -1;
};

CommandResult run_command(std::vector<std::string> arguments, const CommandOptions& options = {});

std::string command_path();

}  // namespace sluice::test
