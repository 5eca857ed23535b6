// SpeedWatch: when a transfer is too slow.
#include "core/flow/speed_watch.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace sluice;
using namespace std::chrono_literals;
using flow::SpeedWatch;

TEST_CASE("speed watch: the period is cut into eight steps, of at least a millisecond") {
  CHECK(SpeedWatch(1, 8s).step() == 1s);
  CHECK(SpeedWatch(1, 1ms).step() == 1ms);
}

TEST_CASE("speed watch: nothing is too slow before a whole period has passed") {
  SpeedWatch watch(100, 8s);
  watch.begin(0);
  for (int step = 1; step < 8; ++step) CHECK_FALSE(watch.is_too_slow(0, false));
  CHECK(watch.is_too_slow(0, false));
  watch.begin(5'000);
  for (int step = 1; step < 8; ++step) CHECK_FALSE(watch.is_too_slow(5'000, false));
  CHECK(watch.is_too_slow(5'000, false));
}

TEST_CASE("speed watch: the last eight steps count together") {
  SpeedWatch watch(100, 8s);
  watch.begin(0);
  std::uint64_t moved = 0;
  CHECK_FALSE(watch.is_too_slow(moved += 800, false));
  for (int step = 1; step < 8; ++step) CHECK_FALSE(watch.is_too_slow(moved, false));
  CHECK(watch.is_too_slow(moved += 799, false));
  CHECK_FALSE(watch.is_too_slow(moved += 1, false));
}

TEST_CASE("speed watch: a step that this side has held up is fast enough") {
  SpeedWatch watch(100, 8s);
  watch.begin(0);
  for (int step = 0; step < 100; ++step) CHECK_FALSE(watch.is_too_slow(0, step % 8 == 0));
  CHECK_FALSE(watch.is_too_slow(0, false));
}

TEST_CASE("speed watch: the greatest rates and periods do no harm") {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  SpeedWatch watch(kMost, Duration::max());
  watch.begin(0);
  for (int step = 1; step <= 8; ++step) CHECK_FALSE(watch.is_too_slow(kMost, false));
  CHECK(watch.is_too_slow(kMost, false));
  SpeedWatch least(1, 1ns);  // at least one byte
  least.begin(0);
  for (int step = 1; step < 8; ++step) CHECK_FALSE(least.is_too_slow(0, false));
  CHECK(least.is_too_slow(0, false));
  CHECK_FALSE(least.is_too_slow(1, false));
}
