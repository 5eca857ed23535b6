// See console.hpp.
#include "adapters/cli/console.hpp"

#include <poll.h>
#include <unistd.h>
#include <cerrno>

#include "adapters/cli/text.hpp"

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

}  // namespace sluice::cli
