// adapters/cli/write_out_time: the conversions of %time{}, beside those of strftime(3).
#include "adapters/cli/write_out_time.hpp"

#include <doctest/doctest.h>

#include <ctime>

namespace {
using namespace std::chrono_literals;

std::string time_text(std::string_view format, std::chrono::microseconds now) {
  std::string text;
  sluice::cli::append_time(text, format, now);
  return text;
}
}  // namespace

TEST_CASE("write out time: the zone, the seconds, and what is written as it is") {
  constexpr std::chrono::microseconds kNow = 784'111'777s + 42us;
  CHECK(time_text("%Z %z %s %f %%f", kNow) == "UTC +0000 784111777 000042 %f");
  CHECK(time_text("%a, %d %b %p %Ey %-d %", kNow) == "%a, 06 %b %p %Ey %-d %");  // of a locale, or unknown
}

TEST_CASE("write out time: numbers are as strftime writes them") {
  constexpr std::string_view kLetters = "CDeFGgHIjklMmnRSTtUuVWwYy";
  // First and last days of years that begin with different days of the week; all hours.
  const std::chrono::seconds begins[] = {
      -1s, 0s, 951'782'399s, 1'104'537'600s, 1'230'768'000s, 1'672'531'200s, 1'735'689'600s, 4'102'444'800s};
  for (const std::chrono::seconds begin : begins) {
    for (int step = -40; step < 40; ++step) {
      const std::chrono::microseconds now = begin + step * 7h + step * 61s + 999'999us;
      const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).count();
      std::tm utc = {};
      REQUIRE(::gmtime_r(&seconds, &utc) != nullptr);
      for (const char letter : kLetters) {
        const std::string format = {'%', letter};
        char expected[64] = {};
        const std::size_t size = std::strftime(expected, sizeof expected, format.c_str(), &utc);
        CAPTURE(seconds);
        CHECK(time_text(format, now) == std::string(expected, size));
      }
      CHECK(time_text("%f", now) == "999999");
    }
  }
}

TEST_CASE("write out time: a time that has no date") {
  CHECK(time_text("%F %T %j", std::chrono::microseconds::max()) == "9999-12-31 23:59:59 365");
  CHECK(time_text("%F %T %j", std::chrono::microseconds::min()) == "0000-01-01 00:00:00 001");
}
