// adapters/multi/pace and comeback alone: how long a drive may run, and when the next one is due.
#include "adapters/multi/pace.hpp"

#include <doctest/doctest.h>

#include "adapters/multi/comeback.hpp"
#include "tests/unit/multi/world_of_one.hpp"

using namespace sluice;
using namespace sluice::multi;
using namespace std::chrono_literals;

TEST_CASE("Pace: a drive is late after its time, but never before it has got something done") {
  test::HandEnvironment environment;
  Pace pace(environment, 10, 2ms);
  pace.begin();
  environment.clock.steady += 3ms;
  CHECK_FALSE(pace.late());  // the clock was not read
  pace.look_at_clock();
  CHECK_FALSE(pace.late());
  CHECK_FALSE(pace.spent());
  pace.progress();
  CHECK(pace.late());
  CHECK(pace.spent());
  pace.begin();
  CHECK_FALSE(pace.late());
}

TEST_CASE("Pace: reads, sends and outputs of a drive are counted, whatever the options say") {
  test::HandEnvironment environment;
  Pace pace(environment, 2, 1h);
  pace.begin();
  CHECK(pace.take_read());
  CHECK(pace.take_read());
  CHECK_FALSE(pace.take_read());
  CHECK(pace.spent());
  int sends = 0, outputs = 0;
  while (sends < 1'000 && pace.may_send()) pace.sent(), ++sends;
  while (outputs < 1'000 && pace.take_output()) ++outputs;
  CHECK(sends == 2 * 4);
  CHECK(outputs == 2 * 16);
  pace.begin();
  CHECK(pace.take_read());
  Pace least(environment, 0, Duration(-5));
  least.begin();
  CHECK(least.take_read());
  CHECK_FALSE(least.take_read());
}

TEST_CASE("Pace: the clock is read once for sixteen outputs") {
  test::HandEnvironment environment;
  Pace pace(environment, 100, 1h);
  pace.begin();
  const int before = environment.readings;
  for (int i = 0; i < 160; ++i) REQUIRE(pace.take_output());
  CHECK(environment.readings - before == 10);
}

TEST_CASE(
    "Pace: descriptors that are handed in one after another are held to the time of one drive, until a timer comes") {
  test::HandEnvironment environment;
  Pace pace(environment, 100, 2ms);
  pace.begin();
  pace.join_burst(5);
  environment.clock.steady += 3ms;
  pace.look_at_clock();
  pace.progress();
  CHECK(pace.late());
  pace.spend_burst();
  pace.end_in_burst(5, false);
  pace.begin();
  pace.join_burst(6);
  CHECK(pace.late());  // at once: the burst's time is over
  pace.end_in_burst(6, false);
  pace.begin();
  pace.join_burst(6);  // handed in again, because it was answered call_again: another burst
  CHECK_FALSE(pace.late());
  pace.spend_burst();
  pace.end_in_burst(6, false);
  pace.begin();
  pace.begin_burst();  // a timer
  CHECK_FALSE(pace.late());
  pace.end_in_burst(-1, true);
  environment.clock.steady += 1s;
  pace.begin();
  pace.join_burst(7);
  CHECK_FALSE(pace.late());
}

namespace {

struct TimerLog : WatchSink {
  std::vector<std::optional<Instant>> told;
  std::function<void()> then;
  void on_watch(int, std::uint8_t, void*) override {}
  void on_timer(std::optional<Instant> at) override {
    told.push_back(at);
    if (then) then();
  }
};

struct Waits {
  test::HandEnvironment environment;
  test::HandWaiter waiter;
  Watches watches{waiter};
  Wish wish;
  Comeback comeback{environment, waiter, watches, [this] { return wish; }};
  Instant now() const { return environment.clock.steady; }
};

}  // namespace

TEST_CASE("Comeback: timeout() is rounded up, 0 for what is due or to be done at once, and none for nothing") {
  Waits one;
  CHECK_FALSE(one.comeback.timeout().has_value());
  one.wish = {Wish::When::at_once, {}};
  CHECK(one.comeback.timeout() == 0ms);
  one.wish = {Wish::When::at, one.now() + 1ms + 1ns};
  CHECK(one.comeback.timeout() == 2ms);
  one.wish = {Wish::When::at, one.now() - 1h};
  CHECK(one.comeback.timeout() == 0ms);
}

TEST_CASE("Comeback: a sink hears of changes only, and of the same again once its timer was spent") {
  Waits one;
  TimerLog log;
  one.comeback.report();
  one.watches.set_sink(&log);
  one.comeback.report();
  CHECK(log.told.empty());  // none is what it begins with
  const Instant at = one.now() + 5s;
  one.wish = {Wish::When::at, at};
  one.comeback.report();
  one.comeback.report();
  CHECK(log.told == std::vector<std::optional<Instant>>{at});
  one.comeback.timer_spent();
  one.comeback.report();
  CHECK(log.told.size() == 2);
  one.wish = {};
  one.comeback.timer_spent();
  one.comeback.report();
  REQUIRE(log.told.size() == 3);
  CHECK_FALSE(log.told.back().has_value());
  one.wish = {Wish::When::at_once, {}};
  one.comeback.report();
  CHECK(log.told.back() == one.now());
  CHECK(one.waiter.timers.empty());  // nobody uses fd()
}

TEST_CASE("Comeback: what a sink changes while it is told is told next, and it is not told from inside of itself") {
  Waits one;
  TimerLog log;
  one.watches.set_sink(&log);
  const Instant at = one.now() + 5s;
  one.wish = {Wish::When::at, at};
  log.then = [&] {
    CHECK(one.comeback.reporting());
    one.wish = {Wish::When::at, at - 1s};
    one.comeback.report();
  };
  one.comeback.report();
  CHECK(log.told == std::vector<std::optional<Instant>>{at, at - 1s});
  CHECK_FALSE(one.comeback.reporting());
}

TEST_CASE("Comeback: fd()'s timer is set from the first call of fd() on") {
  Waits one;
  one.wish = {Wish::When::at, one.now() + 5s};
  one.comeback.report();
  CHECK(one.waiter.timers.empty());
  CHECK(one.comeback.fd() == one.waiter.fd());
  one.comeback.report();
  REQUIRE(one.waiter.timers.size() == 1);
  CHECK(one.waiter.timers.back() == one.now() + 5s);
  one.wish = {Wish::When::at_once, {}};
  one.comeback.set_fd_timer();
  CHECK(one.waiter.timers.back() == one.now());
  one.wish = {};
  one.comeback.set_fd_timer();
  CHECK(one.waiter.timers.size() == 2);
}
