// The text of the progress display, and that it fits into the window for all values.
#include "adapters/cli/progress.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace sluice;
using namespace sluice::cli;

namespace {
TotalFigures some_total() {
  return {.done = 3,
          .failed = 0,
          .count = 10,
          .bytes = 5 * 1024 * 1024,
          .expected = 10 * 1024 * 1024,
          .estimated = false,
          .bytes_per_second = 1024 * 1024};
}
}  // namespace

TEST_CASE("format_bytes: units, and no more than eight characters anywhere") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.0 KiB");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(100 * 1024) == "100 KiB");
  CHECK(format_bytes(1023 * 1024) == "1.0 MiB");  // never "1023 KiB", which would be wider
  CHECK(format_bytes(12 * 1024 * 1024) == "12.0 MiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
  for (std::uint64_t bytes = 1; bytes < (std::uint64_t{1} << 62); bytes += bytes / 2 + 1) {
    CHECK(format_bytes(bytes).size() <= 8);
  }
}

TEST_CASE("format_duration") {
  using std::chrono::hours;
  using std::chrono::seconds;
  CHECK(format_duration(std::nullopt) == "-:--");
  CHECK(format_duration(seconds(0)) == "0:00");
  CHECK(format_duration(seconds(7)) == "0:07");
  CHECK(format_duration(seconds(754)) == "12:34");
  CHECK(format_duration(seconds(3 * 3600 + 25 * 60 + 45)) == "3:25:45");
  CHECK(format_duration(hours(99)) == "99:00:00");
  CHECK(format_duration(hours(100)) == "4d 04h");
  CHECK(format_duration(seconds(-5)) == "0:00");
}

TEST_CASE("fit_name cuts in the middle and lets no control byte through") {
  CHECK(fit_name("file.bin", 8) == "file.bin");
  CHECK(fit_name("a-long-file-name.bin", 11) == "a-lo....bin");
  CHECK(fit_name("abcdef", 3) == "abc");
  CHECK(fit_name("abcdef", 0) == "");
  CHECK(fit_name("a\x1b[2Jb\n\x7f\xc3\xa4", 40) == "a?[2Jb????");
}

TEST_CASE("a line a transfer, then the total") {
  const std::vector<TransferFigures> active = {
      {.name = "one.bin", .bytes = 512, .expected = 1024, .bytes_per_second = 100},
      {.name = "two.bin", .bytes = 2048, .expected = std::nullopt, .bytes_per_second = 0},
  };
  const auto lines = progress_lines(active, some_total(), {.columns = 80, .rows = 24});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("one.bin "));
  CHECK(lines[0].find(" 50% ") != std::string::npos);
  CHECK(lines[0].find("512 B/1.0 KiB") != std::string::npos);
  CHECK(lines[0].ends_with(" 100 B/s"));
  CHECK(lines[1].find('%') == std::string::npos);  // no size, no percentage
  CHECK(lines[1].find("2.0 KiB ") != std::string::npos);
  CHECK(lines[1].find('/') == lines[1].rfind('/'));  // only "B/s"
  CHECK(lines[2] == "3/10 done  5.0 MiB/10.0 MiB 50%  1.0 MiB/s  0:05 left");
}

TEST_CASE("the total says what failed, and no time left when it cannot be known or all is done") {
  TotalFigures total = some_total();
  total.failed = 2;
  total.expected = std::nullopt;
  CHECK(progress_lines({}, total, {}).back() == "3/10 done, 2 failed  5.0 MiB  1.0 MiB/s  -:-- left");
  total = some_total();
  total.estimated = true;
  CHECK(progress_lines({}, total, {}).back() == "3/10 done  5.0 MiB/~10.0 MiB 50%  1.0 MiB/s  0:05 left");
  total = some_total();
  total.bytes_per_second = 0;
  CHECK(progress_lines({}, total, {}).back().ends_with("-:-- left"));
  total.done = total.count;
  CHECK(progress_lines({}, total, {}).back().find("left") == std::string::npos);
}

TEST_CASE("at 40 columns the speed and the time left stay") {
  TotalFigures total = {.done = 3,
                        .failed = 2,
                        .count = 40,
                        .bytes = 512ull * 1024 * 1024,
                        .expected = 1024ull * 1024 * 1024,
                        .estimated = true,
                        .bytes_per_second = 12.0 * 1024 * 1024};
  const auto line = [&](std::size_t columns) { return progress_lines({}, total, {.columns = columns}).back(); };
  CHECK(line(80) == "3/40 done, 2 failed  512 MiB/~1.0 GiB 50%  12.0 MiB/s  0:43 left");
  CHECK(line(60) == "3/40 done, 2 failed  512 MiB 50%  12.0 MiB/s  0:43 left");
  CHECK(line(50) == "3/40 done, 2 failed  50%  12.0 MiB/s  0:43 left");
  CHECK(line(40) == "3/40, 2 failed  12.0 MiB/s  0:43 left");
  CHECK(line(30) == "3/40  12.0 MiB/s  0:43 left");
  CHECK(line(24) == "12.0 MiB/s  0:43 left");
  total.failed = 0;
  CHECK(line(40) == "3/40 done  50%  12.0 MiB/s  0:43 left");
  const std::vector<TransferFigures> active = {
      {.name = "a-long-file-name-that-is-cut.bin", .bytes = 512, .expected = 1024, .bytes_per_second = 2048}};
  CHECK(progress_lines(active, total, {.columns = 40})[0] == "a-long-fi...is-cut.bin  50%   2.0 KiB/s");
}

TEST_CASE("lines keep to the window's height and width, whatever it is") {
  std::vector<TransferFigures> active;
  for (int i = 0; i < 50; ++i)
    active.push_back({.name = std::string(200, 'x'), .bytes = ~0ull, .expected = ~0ull, .bytes_per_second = 1e300});
  TotalFigures total = some_total();
  total.bytes = ~0ull;
  total.bytes_per_second = 1e300;
  for (const std::size_t rows : {0u, 1u, 2u, 3u, 4u, 24u, 51u, 52u, 200u}) {
    for (const std::size_t columns : {0u, 1u, 2u, 10u, 40u, 48u, 49u, 80u, 300u}) {
      const auto lines = progress_lines(active, total, {.columns = columns, .rows = rows});
      CAPTURE(rows);
      CAPTURE(columns);
      CHECK(!lines.empty());
      CHECK(lines.size() <= std::max<std::size_t>(rows, 2) - 1);
      for (const auto& line : lines) CHECK(line.size() <= std::max<std::size_t>(columns, 2) - 1);
    }
  }
  const auto lines = progress_lines(active, total, {.columns = 80, .rows = 11});
  REQUIRE(lines.size() == 10);
  CHECK(lines[8] == "+ 42 more");  // 8 lines of transfers, this one, the total
  CHECK(progress_lines(active, total, {.columns = 80, .rows = 52}).size() == 51);  // all 50 fit: no "more"
}

TEST_CASE("SpeedMeter: the first measurement counts whole, later ones are smoothed, and short steps are left out") {
  using std::chrono::milliseconds;
  SpeedMeter meter;
  Instant now{};
  CHECK(meter.update(500, now) == 0);
  now += milliseconds(1);
  CHECK(meter.update(1'000'000, now) == 0);  // too short a time to say anything
  now += milliseconds(999);
  CHECK(meter.update(1500, now) == doctest::Approx(1000));
  now += milliseconds(3000);
  CHECK(meter.update(1500, now) == doctest::Approx(500));  // one half-life of nothing
}
