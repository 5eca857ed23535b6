// core/pool/pool: several exchanges at once on one connection: which waiters share it, which wait for a dial that may
// carry more than one.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Endpoint;
using pool::OfferedHere;
using std::chrono::seconds;

// c1 has room for `capacity` and carries w1.
Endpoint& connect_one(PoolBench& bench, std::size_t capacity) {
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  REQUIRE(bench.connected(1, capacity) == "serve w1 on c1");
  REQUIRE(bench.go().empty());
  return a;
}

TEST_CASE("pool sharing: a connection is offered while it carries exchanges and has room for more") {
  PoolBench bench;
  Endpoint& a = connect_one(bench, 3);
  CHECK(a.offered.front() == &bench.c(1));
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "serve w2 on c1; serve w3 on c1; dial w4");
  CHECK_FALSE(OfferedHere::contains(bench.c(1)));
  CHECK(bench.finish(2) == "c1 goes on");
  CHECK(OfferedHere::contains(bench.c(1)));
  CHECK(bench.go() == "serve w4 on c1");  // which waited for its own
  CHECK(bench.pool.idle_connections() == 0);
  bench.finish(1);
  CHECK(bench.finish(3) == "c1 goes on");
  bench.finish(4);
  CHECK_FALSE(OfferedHere::contains(bench.c(1)));
  CHECK(bench.pool.idle_connections() == 1);
}

TEST_CASE("pool sharing: room that a connection gets is used at once, for the oldest that waits") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = connect_one(bench, 2);
  for (int i = 0; i < 4; ++i) bench.ask(a);
  CHECK(bench.go() == "serve w2 on c1");
  CHECK(bench.finish(1) == "c1 goes on");
  CHECK(bench.go() == "serve w3 on c1");
  bench.session(1).capacity = 3;  // as the peer says
  bench.pool.room_changed(bench.c(1));
  CHECK(bench.go() == "serve w4 on c1");
  bench.session(1).capacity = 1;
  bench.pool.room_changed(bench.c(1));
  CHECK_FALSE(OfferedHere::contains(bench.c(1)));
  CHECK(bench.finish(2) == "c1 goes on");
  CHECK(bench.go().empty());
}

TEST_CASE("pool sharing: when one that held up the others gives up, they are looked at again") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = connect_one(bench, 3);
  bench.ask(a, true);
  bench.ask(a);
  CHECK(bench.go().empty());
  bench.leave(2);
  CHECK(bench.go() == "serve w3 on c1");
}

TEST_CASE("pool sharing: one that is to carry no more, or cannot send, has no room") {
  PoolBench bench;
  Endpoint& a = connect_one(bench, 3);
  bench.c(1).last_use = true;
  bench.pool.room_changed(bench.c(1));
  CHECK(a.offered.empty());
  bench.c(1).last_use = false;
  bench.pool.room_changed(bench.c(1));
  CHECK(a.offered.front() == &bench.c(1));
  bench.pool.room_changed(bench.c(1));  // again: nothing
  CHECK(a.offered.size() == 1);
  bench.c(1).write_broken = true;
  bench.pool.room_changed(bench.c(1));
  CHECK(a.offered.empty());
  bench.ask(a);
  CHECK(bench.go() == "dial w2");
}

TEST_CASE("pool sharing: an idle connection comes first, then the one that was offered first") {
  PoolBench bench;
  Endpoint& a = connect_one(bench, 2);
  a.carries.reset();
  bench.ask(a, true);
  bench.ask(a, true);
  REQUIRE(bench.go() == "dial w2; dial w3");
  bench.connected(2, 2);
  bench.connected(3, 1);
  REQUIRE(bench.finish(3) == "c3 is idle");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "serve w4 on c3; serve w5 on c1; serve w6 on c2");
}

TEST_CASE("pool sharing: a connection is closed while it carries exchanges, and is offered no more") {
  PoolBench bench;
  Endpoint& a = connect_one(bench, 3);
  bench.detach(1);
  bench.leave(1);
  bench.close(bench.c(1));
  CHECK(a.offered.empty());
  CHECK(bench.pool.open() == 0);
  bench.ask(a);
  CHECK(bench.go() == "dial w2");
}

TEST_CASE("pool sharing: what another endpoint waits for is offered no more after kExchangesBeforeYield exchanges") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = connect_one(bench, 100);
  bench.ask(bench.at("http://b.test/"));
  REQUIRE(bench.go().empty());
  for (std::size_t i = 0; i < limits::kExchangesBeforeYield; ++i) bench.ask(a);
  bench.go();
  CHECK(bench.c(1).exchanges.size() == limits::kExchangesBeforeYield);
  CHECK(a.queue.size() == 1);
  bench.finish(1);
  CHECK(bench.go().empty());
  for (std::size_t waiter = 3; waiter <= limits::kExchangesBeforeYield; ++waiter)
    CHECK(bench.finish(waiter) == "c1 goes on");
  CHECK(bench.finish(limits::kExchangesBeforeYield + 1) == "close c1");
  CHECK(bench.go() == "dial w2");
}

TEST_CASE("pool sharing: once nobody waits elsewhere any more, what was kept back is served") {
  for (const std::size_t of_each : {0U, 1U}) {
    for (const bool is_proxied : {false, true}) {
      EngineLimits limits{.max_connections = is_proxied ? 0U : 1U, .max_connections_per_origin = of_each};
      if (is_proxied) limits.max_connections_per_proxy = 1;
      PoolBench bench(limits);
      const Proxy proxy{.host = "proxy.test", .port = 3128};
      const auto at = [&](std::string_view url) -> Endpoint& {
        return is_proxied ? bench.at(url, proxy) : bench.at(url);
      };
      Endpoint& a = at("http://a.test/");
      bench.ask(a);
      bench.go();
      bench.connected(1, 100);
      for (std::size_t i = 0; i < limits::kExchangesBeforeYield; ++i) bench.ask(a);
      bench.go();
      const std::size_t running = bench.c(1).exchanges.size();
      bench.ask(at("http://b.test/"));
      REQUIRE(bench.go().empty());
      const std::size_t other = running + 1, kept = running + 2;
      bench.ask(a);
      REQUIRE(bench.go().empty());
      bench.leave(other);
      CHECK(bench.go() == "serve w" + std::to_string(kept) + " on c1");
    }
  }
}

TEST_CASE("pool sharing: what wants no pipewait gets a dial at once, unless a connection has room") {
  PoolBench bench;
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.ask(a).pipewait = false;
  CHECK(bench.go() == "dial w2");
  CHECK(bench.connected(1, 100) == "serve w1 on c1");
  CHECK(bench.go() == "serve w2 on c1");  // before its own is there
  bench.ask(a).pipewait = false;
  CHECK(bench.go() == "serve w3 on c1");
}

// ---- dials that may carry more than one ----

TEST_CASE("pool sharing: as many as a dial is counted on for wait for it, one more gets a dial") {
  PoolBench bench;
  bench.expected = 3;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  CHECK(a.expected_more == 2);
  CHECK(a.queue.size() == 2);
  bench.ask(a);
  CHECK(bench.go() == "dial w2");  // the oldest that waits
  CHECK(a.expected_more == 4);
  for (int i = 0; i < 2; ++i) bench.ask(a);
  CHECK(bench.go().empty());
  CHECK(bench.connected(1, 3) == "serve w1 on c1");
  CHECK(bench.go() == "serve w2 on c1; serve w3 on c1; take over d2 for w4");
  CHECK(a.expected_more == 2);
  CHECK(a.queue.size() == 2);  // and they count on d2
}

TEST_CASE("pool sharing: those that waited for a dial are served at once when it carries them all") {
  PoolBench bench;
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 4; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  CHECK(bench.connected(1, 100) == "serve w1 on c1");
  CHECK(bench.go() == "serve w2 on c1; serve w3 on c1; serve w4 on c1");
  CHECK(a.expected_more == 0);
  CHECK(a.carries == 100);
  CHECK(a.open == 1);
}

TEST_CASE(
    "pool sharing: they get dials of their own when it carries one only, and the next are not counted on for more") {
  PoolBench bench;
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  CHECK(bench.connected(1, 1) == "serve w1 on c1");
  CHECK(a.carries == 1);
  CHECK(bench.go() == "dial w2; dial w3");
}

TEST_CASE("pool sharing: they get another dial when it fails") {
  PoolBench bench;
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.failed(1);
  CHECK(a.expected_more == 0);
  CHECK(bench.go() == "dial w2");
  CHECK(a.expected_more == 99);
}

TEST_CASE("pool sharing: they take over the dial of one that goes away") {
  PoolBench bench;
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.cancel(1);
  CHECK(bench.go() == "take over d1 for w2");
  CHECK(a.queue.size() == 1);
}

TEST_CASE("pool sharing: they do not stand in line for room in the total") {
  PoolBench bench(PoolBench::at_most(2));
  bench.expected = 100;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.ask(bench.at("http://b.test/"));
  CHECK(bench.go() == "dial w3");
  bench.ask(bench.at("http://c.test/"));
  CHECK(bench.go().empty());
  bench.failed(2);
  CHECK(bench.go() == "dial w4");
}

// ---- after a retry ----

TEST_CASE("pool sharing: one that is tried again shares a connection that was made since, and no idle one") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = connect_one(bench, 3);
  bench.now.steady += seconds(1);
  const auto again = [&](Instant retried) {
    pool::Waiter& waiter = bench.ask(a, true);
    waiter.retried = retried;
    const std::string said = bench.go();
    if (said.empty()) bench.leave(waiter.transfer.index);
    return said;
  };
  const Instant made = *bench.c(1).secured;
  CHECK(again(made + Duration(1)).empty());  // it may have the same fault
  CHECK(again(made) == "serve w3 on c1");
  CHECK(again(made - seconds(1)) == "serve w4 on c1");
  bench.finish(1);
  bench.finish(3);
  CHECK(bench.finish(4) == "c1 is idle");
  CHECK(again(made) == "close c1; dial w5");
}

TEST_CASE("pool sharing: who asked for a fresh connection does not share one either") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = connect_one(bench, 3);
  bench.ask(a, true);
  CHECK(bench.go().empty());
  bench.ask(a);
  CHECK(bench.go().empty());  // in order
}

}  // namespace
