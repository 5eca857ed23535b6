// The main function of the command: takes the arguments and returns the exit code. Leaves parsing and running to
// others.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "adapters/cli/command.hpp"
#include "adapters/cli/console.hpp"
#include "adapters/cli/demo.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/file_claims.hpp"
#include "adapters/cli/file_input.hpp"
#include "adapters/cli/help.hpp"
#include "adapters/cli/option_inputs.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/parse_command_line.hpp"
#include "adapters/cli/secret_arguments.hpp"
#include "adapters/cli/usage_error.hpp"
#include "core/base/ascii.hpp"

namespace {

using namespace sluice::cli;

std::optional<sluice::UnixSeconds> modified(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? std::optional<sluice::UnixSeconds>(status.st_mtime) : std::nullopt;
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

OptionInputs inputs() {
  const char* home = std::getenv("HOME");
  return {.home = home != nullptr ? home : "",
          .read_file = [](const std::string& path) { return read_whole_file(path); },
          .read_stdin = [] { return read_whole(STDIN_FILENO); },
          .modified = modified,
          .now = std::time(nullptr),
          .environment = environment,
          .read_part = [](const std::string& path, std::uint64_t first,
                          std::uint64_t count) { return read_file_part(path, first, count); }};
}

int print(const std::string& text) {
  const auto written = write_all(STDOUT_FILENO, sluice::as_bytes(text), "standard output");
  if (written) return kExitOk;
  std::fprintf(stderr, "sluice: (%d) %s\n", kExitWrite, written.error().c_str());
  return kExitWrite;
}

// If a standard stream is missing, its number would be given to the first file that is opened, which would then get
// output by mistake. The replacement is open for the other direction, so it fails as the missing stream would.
void open_missing_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

int run(int argc, char** argv) {
  const auto command = parse_command_line(argc, argv, inputs());
  if (argc > 1) hide_secrets(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!command) {
    const UsageError& error = command.error();
    if (argc <= 1 && error.message == kNoUrl) {
      std::fputs("Usage: sluice [options] URL...; try 'sluice --help', or 'sluice --demo' for a look offline\n",
                 stderr);
      return error.exit_code;
    }
    std::fprintf(stderr, "sluice: (%d) %s%s\n", error.exit_code, sluice::one_line(error.message).c_str(),
                 error.exit_code == kExitUsage ? "; try 'sluice --help'" : "");
    return error.exit_code;
  }
  if (command->help) return print(help_text());
  if (command->version) return print(version_text());
  if (command->demo) return sluice::demo::run_demo();
  // Before the file of --stderr is emptied.
  if (const auto why = FileClaims(*command).contradiction()) {
    std::fprintf(stderr, "sluice: (%d) %s\n", kExitWrite, sluice::one_line(*why).c_str());
    return kExitWrite;
  }
  if (!command->messages_to.empty()) {
    if (const auto redirected = redirect_messages(command->messages_to); !redirected) {
      std::fprintf(stderr, "sluice: (%d) option --stderr: %s\n", kExitWrite,
                   sluice::one_line(redirected.error()).c_str());
      return kExitWrite;
    }
  }
  return run_command(*command).exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  open_missing_streams();
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "sluice: (%d) out of memory\n", kExitMemory);
    return kExitMemory;
  }
}
