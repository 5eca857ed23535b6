// LibeventDriver and the lifetime of an event_base: what is left in it. What every binding must do is tested by
// tests/conformance.
#include "adapters/libevent.hpp"

#include <doctest/doctest.h>
#include <event2/event.h>

#include <functional>
#include <memory>
#include <string>

#include "tests/support/driver_checks.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Base {
  std::unique_ptr<event_base, void (*)(event_base*)> base{event_base_new(), event_base_free};
  int events() const { return event_base_get_num_events(base.get(), EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE); }
  bool run(const std::function<bool()>& condition) {
    for (int turns = 0; turns < 1000; ++turns) {
      if (condition()) return true;
      const timeval second = {.tv_sec = 1, .tv_usec = 0};
      event_base_loopexit(base.get(), &second);
      event_base_loop(base.get(), EVLOOP_ONCE);
    }
    return false;
  }
};

}  // namespace

TEST_CASE(
    "LibeventDriver leaves nothing in the event_base, in the middle of a transfer as well, and another one goes on") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = ok("x").bytes, .hold = true}; });
  Base own;
  const auto multi = make_multi();
  Recorder recorder;
  auto driver = LibeventDriver::create(*multi, own.base.get()).value();
  CHECK(own.events() == 1);  // wakeup()
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  CHECK(own.run([&] { return server.requests() == 1; }));
  driver.reset();
  const timeval none = {.tv_sec = 0, .tv_usec = 0};
  event_base_loopexit(own.base.get(), &none);
  event_base_dispatch(own.base.get());
  CHECK(multi->running() == 1);
  driver = LibeventDriver::create(*multi, own.base.get()).value();
  server.release();
  CHECK(own.run([&] { return multi->running() == 0; }));
  CHECK(recorder.body == "x");
  CHECK(!driver->failed());
}

TEST_CASE("LibeventDriver: a base whose own events end the loop is not held up") {
  Base own;
  const auto multi = make_multi();
  int drives = 0;
  const auto driver = LibeventDriver::create(*multi, own.base.get(), [&](Multi&) {
                        if (++drives == 3) event_base_loopbreak(own.base.get());
                      }).value();
  // Each wakeup is a drive; the third ends event_base_dispatch().
  event* const poke = event_new(
      own.base.get(), -1, EV_PERSIST, [](int, short, void* to) { static_cast<Multi*>(to)->wakeup(); }, multi.get());
  const timeval soon = {.tv_sec = 0, .tv_usec = 5'000};
  REQUIRE(event_add(poke, &soon) == 0);
  CHECK(event_base_dispatch(own.base.get()) == 0);
  CHECK(drives == 3);
  event_free(poke);
}

TEST_CASE("SB-89 LibeventDriver keeps what a handler throws, and the loop goes on") {
  Base own;
  const auto multi = make_multi();
  auto driver = LibeventDriver::create(*multi, own.base.get()).value();
  check_that_thrown_is_kept(*multi, *driver, [&] { own.run([&] { return multi->running() == 0; }); });
}
