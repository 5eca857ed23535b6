// core/pool/pool: limits that change while there are connections, and the state after everything is forgotten.
#include <doctest/doctest.h>

#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Endpoint;
using pool::Pool;
using std::chrono::seconds;

// So many connections, c1 idle first.
void make_idle(PoolBench& bench, Endpoint& a, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bench.ask(a, true);
  bench.go();
  for (std::size_t i = 1; i <= count; ++i) bench.connected(i);
  for (std::size_t i = 1; i <= count; ++i) REQUIRE(bench.finish(i).ends_with("is idle"));
  REQUIRE(bench.go().empty());
}

TEST_CASE("pool limits: past a lower limit for each, idle connections are closed, the longest unused first") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_idle(bench, a, 3);
  bench.pool.set_limits(PoolBench::at_most(0, 1));
  CHECK(bench.pool.limits().max_connections_per_origin == 1);
  CHECK(bench.pool.may_go_on());
  CHECK(bench.go() == "close c1; close c2");
  CHECK_FALSE(bench.pool.may_go_on());
  CHECK(a.open == 1);
  CHECK(bench.c(3).is_idle());
}

TEST_CASE("pool limits: every endpoint is looked at, each by its own measure") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_idle(bench, a, 2);
  Endpoint& b = bench.at("http://b.test/");
  bench.ask(b, true);
  bench.ask(b, true);
  bench.go();
  bench.connected(3);
  bench.connected(4);
  bench.finish(3);
  bench.finish(4);
  bench.use(bench.at("http://c.test/"));
  bench.pool.set_limits(PoolBench::at_most(0, 1));
  CHECK(bench.go() == "close c1; close c3");
}

TEST_CASE("pool limits: past a lower total, idle connections are closed, the longest unused of all first") {
  PoolBench bench;
  bench.use(bench.at("http://a.test/"));
  bench.use(bench.at("http://b.test/"));
  bench.use(bench.at("http://c.test/"));
  bench.use(bench.at("http://a.test/"));
  bench.pool.set_limits(PoolBench::at_most(2));
  CHECK(bench.go() == "close c2");
  bench.pool.set_limits(PoolBench::at_most(1));
  CHECK(bench.go() == "close c3");
}

TEST_CASE("pool limits: past a lower total, dials that nobody waits for are given up when no connection is idle") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 2; ++i) bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  REQUIRE(bench.finish(1) == "serve w2 on c1");
  bench.pool.set_limits(PoolBench::at_most(2));
  CHECK(bench.go().empty());
  bench.pool.set_limits(PoolBench::at_most(1));
  CHECK(bench.go() == "abandon d2");
  CHECK(bench.pool.open() == 1);
}

TEST_CASE("pool limits: what is in use goes on, and is closed at its end while there are too many") {
  for (const EngineLimits& lower : {PoolBench::at_most(1), PoolBench::at_most(0, 1)}) {
    PoolBench bench;
    Endpoint& a = bench.at("http://a.test/");
    for (int i = 0; i < 3; ++i) bench.ask(a);
    bench.go();
    for (std::size_t i = 1; i <= 3; ++i) bench.connected(i);
    bench.pool.set_limits(lower);
    CHECK(bench.go().empty());
    CHECK(bench.pool.open() == 3);
    bench.ask(a);
    CHECK(bench.go().empty());
    CHECK(bench.finish(2) == "close c2");  // also with w4 waiting
    CHECK(bench.go().empty());
    CHECK(bench.finish(1) == "close c1");
    CHECK(bench.finish(3) == "serve w4 on c3");
  }
}

TEST_CASE("pool limits: a higher limit lets those go on that waited, each in its turn") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  bench.ask(bench.at("http://b.test/"));
  bench.ask(bench.at("http://c.test/"));
  CHECK(bench.go().empty());
  bench.pool.set_limits(PoolBench::at_most(2));
  CHECK(bench.go() == "dial w2");
  bench.pool.set_limits(PoolBench::at_most(4));
  CHECK(bench.go() == "dial w4; dial w5");
  CHECK(bench.pool.open() == 4);
  bench.pool.set_limits(PoolBench::at_most(0));
  bench.go();
  CHECK(bench.pool.open() == 5);
}

TEST_CASE("pool limits: without a limit on all nobody stands in line, also who waits for its own limit") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  CHECK(bench.pool.may_go_on());
  bench.pool.set_limits(PoolBench::at_most(0, 1));
  CHECK(bench.go().empty());
  CHECK_FALSE(bench.pool.may_go_on());
}

TEST_CASE("pool limits: a higher limit for each lets its queue go on") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 4; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.pool.set_limits(PoolBench::at_most(0, 2));
  CHECK(bench.go() == "dial w2");
  bench.pool.set_limits(PoolBench::at_most(0, 0));
  CHECK(bench.go() == "dial w3; dial w4");
}

TEST_CASE("pool limits: another idle time counts for those that are idle, and is never below zero") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a);
  const Instant parked = bench.now.steady;
  bench.now.steady += seconds(5);
  bench.pool.set_limits({.idle_connection_timeout = seconds(6)});
  CHECK(bench.go().empty());
  bench.timers.cancel(bench.c(1).expiry_timer);
  CHECK_FALSE(bench.pool.is_expired(bench.c(1), bench.now));
  CHECK(bench.timers.due(bench.c(1).expiry_timer) == parked + seconds(6));
  bench.pool.set_limits({.idle_connection_timeout = seconds(5)});
  CHECK(bench.pool.is_expired(bench.c(1), bench.now));
  bench.pool.set_limits({.idle_connection_timeout = seconds(-5)});
  CHECK(bench.pool.limits().idle_connection_timeout == Duration::zero());
  bench.go();
  bench.ask(a);
  CHECK(bench.go() == "close c1; dial w2");
}

// ---- when memory has run out ----

TEST_CASE("pool limits: after reset() there are endpoints without anything, and who is not over is counted again") {
  PoolBench bench(PoolBench::at_most(2, 2));
  Endpoint& a = bench.at("http://a.test/");
  bench.expected = 5;
  for (int i = 0; i < 7; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  bench.finish(1);
  bench.go();
  Endpoint& b = bench.at("http://b.test/");
  bench.ask(b);
  bench.go();
  a.closes_unannounced = true;
  bench.pool.reset();
  CHECK(bench.pool.open() == 0);
  CHECK(bench.pool.idle_connections() == 0);
  CHECK_FALSE(bench.pool.may_go_on());
  CHECK(a.unused());
  CHECK(a.queue.empty());
  CHECK(a.dialing.empty());
  CHECK(a.orphans.empty());
  CHECK(a.expected_more == 0);
  CHECK(a.closes_unannounced);                                   // what is known of its peer stays
  for (std::size_t i = 1; i <= 8; ++i) bench.w(i).waiting = {};  // their owner forgets them too
  bench.pool.count_again(bench.w(3));
  bench.pool.count_again(bench.w(4));
  CHECK(a.transfers == 2);
  bench.pool.look_at_all();
  CHECK(bench.go().empty());
  CHECK(pool::UnusedList::contains(b));
  CHECK_FALSE(pool::UnusedList::contains(a));
  bench.pool.left(bench.w(3));
  bench.pool.left(bench.w(4));
  CHECK(bench.go().empty());
  CHECK(pool::UnusedList::contains(a));
}

}  // namespace
