// The text of the progress display: one line for each transfer, then a total with speed and remaining time. Pure
// functions of figures and a window size. Leaves the terminal to progress_display.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace sluice::cli {

struct TransferFigures {
  std::string name;
  std::uint64_t bytes = 0;  // so far
  std::optional<std::uint64_t> expected;
  double bytes_per_second = 0;
};

struct TotalFigures {
  std::size_t done = 0;  // successful or not
  std::size_t failed = 0;
  std::size_t count = 0;  // of all transfers
  std::uint64_t bytes = 0;
  // Bytes of all transfers; nullopt while unknown.
  std::optional<std::uint64_t> expected;
  bool estimated = false;  // `expected` includes estimates for transfers of unknown size
  double bytes_per_second = 0;
};

struct Window {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// At most rows - 1 lines, at least the total; none is wider than columns - 1 or holds line ends or control bytes.
// Transfers that do not fit are counted in "+ N more".
std::vector<std::string> progress_lines(const std::vector<TransferFigures>& active, const TotalFigures& total,
                                        Window window);

// "999 B", "1.5 KiB", "12.0 MiB": at most eight characters.
std::string format_bytes(std::uint64_t bytes);
// "0:07", "12:34", "3:25:45", "4d 03h"; "-:--" for nullopt.
std::string format_duration(std::optional<Duration> duration);
// Cuts a long name in the middle with "..."; shows control bytes and non-ASCII bytes as "?", because a URL or a file
// name must not control a terminal.
std::string fit_name(std::string_view name, std::size_t width);

// The smoothed speed, with a half-life of about three seconds.
class SpeedMeter {
 public:
  // `bytes` so far, at `now`; neither may decrease. Returns bytes per second.
  double update(std::uint64_t bytes, Instant now);
  double bytes_per_second() const { return speed_; }

 private:
  std::optional<Instant> last_;
  std::uint64_t bytes_ = 0;
  double speed_ = 0;
  bool measured_ = false;
};

}  // namespace sluice::cli
