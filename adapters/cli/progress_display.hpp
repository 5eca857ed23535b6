// Shows the progress lines at the bottom of a terminal: redraws them in place, at most ten times a second, and clears
// them before other output. Leaves the text to progress.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/progress.hpp"

namespace sluice::cli {

class ProgressDisplay {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  // Draws to `fd` if that is a terminal and `wanted` is true; else every call does nothing.
  ProgressDisplay(int fd, bool wanted);
  ~ProgressDisplay();  // clears the lines
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  bool enabled() const { return enabled_; }
  bool due(Instant now) const { return enabled_ && (!last_ || now - *last_ >= kInterval); }
  void draw(const std::vector<TransferFigures>& active, const TotalFigures& total, Instant now);
  // Call it before other output to the terminal.
  void clear();
  // Shows the total line a last time and leaves it on the screen.
  void finish(const TotalFigures& total);

 private:
  Window window() const;
  void write(const std::string& text) const;

  int fd_;
  bool enabled_;
  std::size_t standing_ = 0;  // lines on the screen, the cursor at the start of the line below them
  std::optional<Instant> last_;
};

}  // namespace sluice::cli
