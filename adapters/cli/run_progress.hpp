// The figures of a whole run for the progress display: what has ended, what runs, and an estimate of the rest.
// Leaves the text to progress.hpp and the terminal to progress_display.hpp.
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
  // Shows the final total, with the average speed over `elapsed`.
  void finish(Duration elapsed);

 private:
  ProgressDisplay& display_;
  TotalFigures total_;  // of the transfers that have ended
  SpeedMeter meter_;
};

}  // namespace sluice::cli
