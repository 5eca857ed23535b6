// The figures of a whole run for the progress display: what has ended, what runs, and a guess at what is to come.
// Knows how figures add up; what the lines say is progress.hpp's, the terminal progress_display.hpp's.
#pragma once

#include <memory>
#include <vector>

#include "adapters/cli/progress_display.hpp"
#include "adapters/cli/running_operation.hpp"

namespace sluice::cli {

class RunProgress {
 public:
  using Active = std::vector<std::unique_ptr<RunningOperation>>;
  RunProgress(ProgressDisplay& display, std::size_t count) : display_(display) { total_.count = count; }

  void ended(std::uint64_t bytes, bool failed);
  void draw(const Multi& multi, const Active& active, Instant now);
  // The last word: the total with the speed over all of `elapsed`.
  void finish(Duration elapsed);

 private:
  ProgressDisplay& display_;
  TotalFigures total_;  // of those that have ended
  SpeedMeter meter_;
};

}  // namespace sluice::cli
