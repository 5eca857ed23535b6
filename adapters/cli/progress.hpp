// What the progress display says, as lines of text: one a transfer, then a total with speed and time left.
// Pure: figures and a window size in, lines out. Leaves the terminal to progress_display.hpp.
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
  std::size_t done = 0;  // well or not
  std::size_t failed = 0;
  std::size_t count = 0;  // of all transfers
  std::uint64_t bytes = 0;
  // Of all transfers; nullopt while nothing can be said.
  std::optional<std::uint64_t> expected;
  bool estimated = false;  // `expected` guesses the transfers whose size nobody knows yet
  double bytes_per_second = 0;
};

struct Window {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// At most rows - 1 lines (and at least the total), none wider than columns - 1, no line ends and no control bytes.
// `active` transfers beyond what fits are counted in "+ N more".
std::vector<std::string> progress_lines(const std::vector<TransferFigures>& active, const TotalFigures& total,
                                        Window window);

// "999 B", "1.5 KiB", "12.0 MiB": at most eight characters.
std::string format_bytes(std::uint64_t bytes);
// "0:07", "12:34", "3:25:45", "4d 03h"; "-:--" where there is none.
std::string format_duration(std::optional<Duration> duration);
// Cut in the middle with "...", control bytes and non-ASCII bytes shown as "?" (a URL or a file name must not drive a
// terminal).
std::string fit_name(std::string_view name, std::size_t width);

// Smoothed speed: half of what is remembered is older than about three seconds.
class SpeedMeter {
 public:
  // `bytes` so far, at `now`; both never fall. Returns bytes a second.
  double update(std::uint64_t bytes, Instant now);
  double bytes_per_second() const { return speed_; }

 private:
  std::optional<Instant> last_;
  std::uint64_t bytes_ = 0;
  double speed_ = 0;
  bool measured_ = false;
};

}  // namespace sluice::cli
