// Keeps the progress lines at the bottom of a terminal: redraws them in place, at most ten times a second, and makes
// way for other output. Knows the terminal; what the lines say is progress.hpp's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/progress.hpp"

namespace sluice::cli {

class ProgressDisplay {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  // Draws to `fd` if that is a terminal and `wanted`; else every call does nothing.
  ProgressDisplay(int fd, bool wanted);
  ~ProgressDisplay();  // clears what stands
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  bool enabled() const { return enabled_; }
  bool due(Instant now) const { return enabled_ && (!last_ || now - *last_ >= kInterval); }
  void draw(const std::vector<TransferFigures>& active, const TotalFigures& total, Instant now);
  // Before anything else is written to the terminal, so that it does not land among the lines.
  void clear();
  // Leaves a last state of the total line standing.
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
