// See progress_display.hpp.
#include "adapters/cli/progress_display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <cerrno>

namespace sluice::cli {

ProgressDisplay::ProgressDisplay(int fd, bool wanted) : fd_(fd), enabled_(wanted && ::isatty(fd) == 1) {}

ProgressDisplay::~ProgressDisplay() { clear(); }

Window ProgressDisplay::window() const {
  winsize size = {};
  Window window;
  if (::ioctl(fd_, TIOCGWINSZ, &size) == 0) {
    if (size.ws_col > 0) window.columns = size.ws_col;
    if (size.ws_row > 0) window.rows = size.ws_row;
  }
  return window;
}

void ProgressDisplay::draw(const std::vector<TransferFigures>& active, const TotalFigures& total, Instant now) {
  if (!enabled_) return;
  last_ = now;
  // One write for each redraw; each line is cleared after its text, and the rest of the screen once, so nothing
  // flickers.
  std::string text;
  if (standing_ > 0) text = "\x1b[" + std::to_string(standing_) + "A";
  const std::vector<std::string> lines = progress_lines(active, total, window());
  for (const std::string& line : lines) text += "\r" + line + "\x1b[K\n";
  text += "\x1b[J";
  standing_ = lines.size();
  write(text);
}

void ProgressDisplay::clear() {
  if (!enabled_ || standing_ == 0) return;
  write("\x1b[" + std::to_string(standing_) + "A\r\x1b[J");
  standing_ = 0;
}

void ProgressDisplay::finish(const TotalFigures& total) {
  if (!enabled_) return;
  clear();
  for (const std::string& line : progress_lines({}, total, window())) write(line + "\n");
}

void ProgressDisplay::write(const std::string& text) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t sent = ::write(fd_, rest.data(), rest.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // an error here must not stop transfers
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace sluice::cli
