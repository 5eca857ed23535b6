// The values of single options that have a syntax of their own: --rate.
#include "adapters/cli/option_values.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("option values: a rate is the time between two starts") {
  using namespace std::chrono_literals;
  struct Row {
    const char* text;
    Duration interval;
  };
  for (const Row& row : {Row{"1", 1h}, Row{"10", 6min}, Row{"2/s", 500ms}, Row{"10/m", 6s}, Row{"3600/h", 1s},
                         Row{"24/d", 1h}, Row{"5/15s", 3s}, Row{"3/4h", 80min}, Row{"1/1d", 24h}, Row{"4000/s", 250us},
                         Row{"1/1000000000s", 1'000'000'000s}, Row{"1/11574d", 11574 * 24h}}) {
    CAPTURE(row.text);
    const auto interval = parse_rate(row.text);
    REQUIRE(interval.has_value());
    CHECK(*interval == row.interval);
  }
  for (const char* bad : {"",
                          "/",
                          "s",
                          "/s",
                          "1/",
                          "1/x",
                          "1/S",
                          "x/s",
                          "1/s ",
                          " 1/s",
                          "1 /s",
                          "1/ s",
                          "1/sec",
                          "1/2",
                          "1.5/s",
                          "1/1.5s",
                          "-1/s",
                          "+1/s",
                          "1/-1s",
                          "0",
                          "0/s",
                          "1/0s",
                          "1//s",
                          "1/1000000001s",
                          "1/11575d",
                          "99999999999999999999/s",
                          "1/99999999999999999999s"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rate(bad).has_value());
  }
}

TEST_CASE("option values: the last --rate counts for the whole command line") {
  const auto line = parse({"--rate", "1/s", "h", "--next", "--rate", "5/s", "h"});
  REQUIRE(line.has_value());
  CHECK(line->start_interval == std::chrono::milliseconds(200));
  CHECK(parse({"h"})->start_interval == Duration::zero());
  CHECK(refused({"--rate", "1/0s", "h"}).message == "option --rate: '1/0s' is not more than nothing");
  CHECK(refused({"--rate", "1/12000d", "h"}).message == "option --rate: '1/12000d' is too long a time");
  CHECK(refused({"--rate", "1/x", "h"}).message ==
        "option --rate: '1/x' is not a number, perhaps with /s, /m, /h, /d, or /10s");
}

TEST_CASE("option values: the last --stderr counts for the whole command line") {
  CHECK(parse({"h"})->messages_to.empty());
  CHECK(parse({"--stderr", "a", "h", "--next", "h", "--stderr", "-"})->messages_to == "-");
  CHECK(one({"-D", "%", "h"}).settings->dump_header == "%");
}

}  // namespace sluice::cli
