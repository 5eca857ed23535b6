// Transfers that are removed before they end, one by one or with their Multi.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

TEST_CASE_VERSIONS("2,000 transfers are added and removed, none of which ends, and nothing is left of them") {
  const int count = scaled(2000);
  std::deque<Get> all;
  std::vector<TransferId> present;
  for (int i = 0; i < count; ++i) {
    Get& one = all.emplace_back(10'000, 0, i % 3 == 0 ? "half" : "hold");
    present.push_back(get(one, i % 5 == 0 ? Scheme::tls : Scheme::plain));
    if (i % 3 == 0) multi().remove(present.front()), present.erase(present.begin());
    if (present.size() < 60) continue;
    // Now and then the loop turns, so that they are removed in every state from "queued" to "in the middle of the
    // body".
    if (i % 2 == 0) loop().run_until([] { return true; }, 1ms);
    if (i % 50 == 0) turns_within(2ms);
    while (present.size() > 20) {
      const std::size_t which = static_cast<std::size_t>(i) % present.size();
      multi().remove(present[which]);
      present.erase(present.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const TransferId id : present) multi().remove(id);
  CHECK(multi().running() == 0);
  if (over_http2()) {
    // A transfer that is removed ends a stream, and its connection is kept.
    REQUIRE(until([&] { return multi().idle_connections() == multi().connections(); }));
    multi().close_idle_connections();
  }
  REQUIRE(until([&] { return multi().connections() == 0 && server().open() == 0; }));
  for (const Get& one : all) CHECK(one.dones == 0);
  CHECK(messages.empty());
  Get good(100'000, 7);
  get(good);
  REQUIRE(run());
  CHECK(good.complete());
}

TEST_CASE_VERSIONS("the binding is taken off and put on again in the middle of transfers, which go on") {
  std::deque<Get> all;
  for (std::size_t i = 0; i < 40; ++i) {
    all.emplace_back(300'000, i, i % 2 == 0 ? "half" : "");
    get(all.back(), i % 4 < 2 ? Scheme::plain : Scheme::tls);
  }
  for (int round = 0; round < 20; ++round) {
    detach();
    attach();
    turns_within(2ms);
  }
  // Those that are held now have nothing on their way when the binding changes.
  REQUIRE(until([&] { return multi().running() == 20 && server().held() == 20; }));
  detach();
  server().release();
  attach();
  REQUIRE(run());
  for (const Get& one : all) CHECK_MESSAGE(one.complete(), one.path);
}

TEST_CASE_VERSIONS("a Multi ends with its transfers in every state, and closes all it has") {
  std::deque<Get> all;
  for (const bool driven : {false, true}) {
    if (driven) {
      use({});
    }
    for (std::size_t i = 0; i < 60; ++i) {
      constexpr const char* kWords[] = {"hold", "half", "", "close", "reset_body"};
      get(all.emplace_back(500'000, i, kWords[i % std::size(kWords)]), i % 2 == 0 ? Scheme::plain : Scheme::tls);
    }
    if (driven) turns_within(30ms);
    const Pipe own;
    int heard = 0;
    loop().watch(own.read_end, [&] { heard += own.take() == 'x' ? 1 : 100; });
    detach();
    end_multi();
    // The application's own goes on in the loop, with another Multi.
    use({});
    own.put('x');
    CHECK(loop().run_until([&] { return heard > 0; }, kLong));
    loop().unwatch(own.read_end);
    CHECK(heard == 1);
  }
}

TEST_CASE_FIXTURE(
    World,
    "a Multi has one driver: another one is refused, and the first goes on; one that was replaced leaves the new sink alone") {
  if (!multi().watch_sink()) return;  // driven without one
  Get one(100'000, 1), other(100'000, 2), third(100'000, 3);
  get(one);
  {
    const auto second = make_loop();
    CHECK_THROWS(second->attach(multi(), [](Multi&) {}));
    second->detach();
  }
  get(other, Scheme::tls);
  REQUIRE(run());
  CHECK(one.complete());
  CHECK(other.complete());
  struct Own : WatchSink {
    int watches = 0, timers = 0;
    void on_watch(int, std::uint8_t events, void*) override { watches += events != 0 ? 1 : 0; }
    void on_timer(std::optional<Instant>) override { ++timers; }
  } own;
  multi().set_watch_sink(&own);
  CHECK(own.watches == 3);  // two connections, wakeup()
  loop().detach();
  CHECK(multi().watch_sink() == &own);
  const int timers = own.timers;
  get(third);
  CHECK(own.timers == timers + 1);
  multi().set_watch_sink(nullptr);
  attach();
  REQUIRE(run());
  CHECK(third.complete());
}
