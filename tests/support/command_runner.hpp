// Runs the built `sluice` command as a child process: takes arguments, returns exit code and both output streams. The
// binary is SLUICE_COMMAND in the environment, else the one in the test's build folder.
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
  std::optional<std::string> stdin_text = {};  // given through a pipe; nullopt: /dev/null. At most 64 KiB.
  int stdin_fd = -1;                           // instead of stdin_text: a pipe that the test writes to
  std::string stdout_path = {};                // instead of being kept: "/dev/full"
  int stdout_fd = -1;                          // instead of being kept
  int stderr_fd = -1;                          // instead of being kept: a terminal
  int most_descriptors = 0;                    // the limit of open descriptors; 0: the test's own
  std::filesystem::path directory = {};        // the working directory; empty: a new one
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
