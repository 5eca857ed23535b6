// See console.hpp.
#include "adapters/cli/console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/base/ascii.hpp"

namespace sluice::cli {

void Console::error(int exit_code, std::string_view text) {
  if (errors_) note("sluice: (" + std::to_string(exit_code) + ") " + one_line(text) + "\n");
}

void Console::warning(std::string_view text) {
  if (warnings_) note("sluice: warning: " + one_line(text) + "\n");
}

void Console::doubt(std::string_view text) {
  if (errors_ || warnings_) note("sluice: warning: " + one_line(text) + "\n");
}

void Console::note(std::string_view text) {
  progress_.clear();
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // another process has made the open file non-blocking
      pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      if (::poll(&writable, 1, -1) > 0) continue;
    }
    if (written <= 0) return;  // the error cannot be reported
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

FileResult<void> Console::print(std::string_view text) {
  progress_.clear();
  OutputFile output("-");
  if (auto opened = output.open(); !opened) return opened;
  return output.write(as_bytes(text));
}

FileResult<void> redirect_messages(const std::string& path) {
  const std::optional<int> named = path == "-" ? std::optional(STDOUT_FILENO) : named_descriptor(path);
  // O_APPEND: heads may be written to the same file.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY;
  const int fd = named ? *named : ::open(path.c_str(), kFlags, 0666);
  const int error = fd < 0 || ::dup2(fd, STDERR_FILENO) < 0 ? errno : 0;
  if (!named && fd >= 0) ::close(fd);
  if (error != 0) return std::unexpected("write messages to " + path + ": " + std::strerror(error));
  return {};
}

}  // namespace sluice::cli
