// The main function of the command: takes the arguments and returns the exit code. Leaves parsing and running to
// others.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <optional>
#include <string>

#include "adapters/cli/command.hpp"
#include "adapters/cli/console.hpp"
#include "adapters/cli/demo.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/help.hpp"
#include "adapters/cli/option_inputs.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/parse_command_line.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/usage_error.hpp"

namespace {

using namespace sluice::cli;

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

// Drops the first bytes, and returns what follows, up to `most` bytes.
std::expected<std::string, std::string> read_from(int fd, std::uint64_t dropped, std::uint64_t most) {
  std::string text;
  char buffer[64 * 1024];
  while (most > 0) {
    const std::uint64_t wanted = dropped > 0 ? dropped : most;
    const ssize_t count = ::read(fd, buffer, static_cast<std::size_t>(std::min<std::uint64_t>(sizeof(buffer), wanted)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(std::string(std::strerror(errno)));
    if (count == 0) break;
    if (dropped == 0) text.append(buffer, static_cast<std::size_t>(count));
    (dropped > 0 ? dropped : most) -= static_cast<std::uint64_t>(count);
  }
  return text;
}

std::expected<std::string, std::string> read_all(int fd) { return read_from(fd, 0, kAll); }

std::expected<std::string, std::string> read_part(const std::string& path, std::uint64_t first, std::uint64_t count) {
  if (path == "-") return read_from(STDIN_FILENO, first, count);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::unexpected(std::string(std::strerror(errno)));
  struct stat status = {};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const auto position = static_cast<off_t>(std::min<std::uint64_t>(first, std::numeric_limits<off_t>::max()));
  if (is_file && first > 0 && ::lseek(fd, position, SEEK_SET) == position) first = 0;
  auto text = read_from(fd, first, count);
  ::close(fd);
  return text;
}

std::expected<std::string, std::string> read_file(const std::string& path) {
  return path == "-" ? read_part("./-", 0, kAll) : read_part(path, 0, kAll);
}

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
          .read_file = read_file,
          .read_stdin = [] { return read_all(STDIN_FILENO); },
          .modified = modified,
          .now = std::time(nullptr),
          .environment = environment,
          .read_part = read_part};
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

}  // namespace

int main(int argc, char** argv) {
  open_missing_streams();
  const auto command = parse_command_line(argc, argv, inputs());
  if (!command) {
    const UsageError& error = command.error();
    if (argc <= 1 && error.message == kNoUrl) {
      std::fputs("Usage: sluice [options] URL...; try 'sluice --help', or 'sluice --demo' for a look offline\n",
                 stderr);
      return error.exit_code;
    }
    std::fprintf(stderr, "sluice: (%d) %s%s\n", error.exit_code, one_line(error.message).c_str(),
                 error.exit_code == kExitUsage ? "; try 'sluice --help'" : "");
    return error.exit_code;
  }
  if (command->help) return print(help_text());
  if (command->version) return print(version_text());
  if (command->demo) return sluice::demo::run_demo();
  if (!command->messages_to.empty()) {
    if (const auto redirected = redirect_messages(command->messages_to); !redirected) {
      std::fprintf(stderr, "sluice: (%d) option --stderr: %s\n", kExitWrite, one_line(redirected.error()).c_str());
      return kExitWrite;
    }
  }
  return run_command(*command).exit_code;
}
