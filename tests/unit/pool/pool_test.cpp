// core/pool/pool: which waiter gets a connection, in which order; dials that no waiter needs; the limits and the order
// of those that wait for them. See also: pool_reuse_test.cpp, pool_sharing_test.cpp, pool_limits_test.cpp,
// pool_endpoints_test.cpp.
#include "core/pool/pool.hpp"

#include <doctest/doctest.h>

#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::DialId;
using pool::Endpoint;
using pool::WaitingList;

TEST_CASE("pool: a new one has nothing to say") {
  PoolBench bench;
  CHECK_FALSE(bench.pool.may_go_on());
  CHECK(bench.go().empty());
  CHECK(bench.pool.open() == 0);
  CHECK(bench.pool.idle_connections() == 0);
  CHECK(bench.pool.oldest_idle() == nullptr);
}

TEST_CASE("pool: a waiter gets a dial, its connection, and leaves that to the next") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  CHECK(bench.w(1).endpoint == a.id);
  CHECK(a.transfers == 1);
  CHECK(bench.pool.may_go_on());
  CHECK(bench.go() == "dial w1");
  CHECK_FALSE(bench.pool.may_go_on());
  CHECK(bench.w(1).dial == bench.d(1).id);
  CHECK(bench.d(1).sponsor == bench.w(1).transfer);
  CHECK(bench.d(1).endpoint == a.id);
  CHECK(a.dialing.front() == &bench.w(1));
  CHECK(a.queue.empty());
  CHECK(a.open == 1);
  CHECK(bench.pool.open() == 1);
  CHECK(bench.connected(1) == "serve w1 on c1");
  CHECK(a.dialing.empty());
  CHECK(a.dials.empty());
  CHECK(a.open == 1);
  CHECK(bench.pool.open() == 1);
  CHECK(bench.go().empty());
  CHECK(bench.finish(1) == "c1 is idle");
  CHECK(a.transfers == 0);
  CHECK(bench.pool.idle_connections() == 1);
  CHECK(bench.pool.open() == 1);
  CHECK(bench.go().empty());
  bench.ask(a);
  CHECK(bench.go() == "serve w2 on c1");
  CHECK(bench.pool.idle_connections() == 0);
  CHECK(bench.c(1).exchanges_carried == 2);
}

TEST_CASE("pool: without a limit each gets a dial of its own, the oldest first") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  Endpoint& b = bench.at("http://b.test/");
  bench.ask(a);
  bench.ask(b);
  bench.ask(a);
  CHECK(bench.go() == "dial w1; dial w3; dial w2");
  CHECK(a.open == 2);
  CHECK(bench.pool.open() == 3);
}

TEST_CASE("pool: one that was served and comes again stands first") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.connected(1);
  bench.detach(1);
  bench.pool.enter_again(bench.w(1));  // as after a retry: it is no other transfer
  CHECK(a.transfers == 3);
  CHECK(bench.w(1).dial == DialId{});
  CHECK(bench.release(bench.c(1)) == "serve w1 on c1");
  CHECK(bench.finish(1) == "serve w2 on c1");
}

// ---- who goes away ----

TEST_CASE("pool: one that leaves the queue gets nothing") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  bench.go();
  bench.leave(2);
  CHECK(a.transfers == 2);
  bench.pool.withdraw(bench.w(2));  // again: nothing
  bench.connected(1);
  CHECK(bench.finish(1) == "serve w3 on c1");
}

TEST_CASE("pool: one that leaves its dial leaves it to the next in the queue") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.cancel(1);
  CHECK(a.dialing.empty());
  CHECK(bench.go() == "take over d1 for w2");
  CHECK(bench.w(2).dial == bench.d(1).id);
  CHECK(bench.d(1).sponsor == bench.w(2).transfer);
  CHECK(a.dialing.front() == &bench.w(2));
  CHECK_FALSE(bench.d(1).unwanted);
  CHECK(bench.connected(1) == "serve w2 on c1");
}

TEST_CASE("pool: a dial whose waiter went away is given up where nobody waits") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.cancel(1);
  CHECK(bench.d(1).unwanted);
  CHECK(bench.go() == "abandon d1");
  CHECK(bench.pool.open() == 0);
  CHECK(a.open == 0);
  CHECK(a.unused());
}

TEST_CASE("pool: a dial that failed gives its place to another") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.failed(1);
  CHECK(a.open == 0);
  CHECK(bench.go() == "dial w2");
  CHECK(a.transfers == 1);
}

// ---- dials without a sponsor ----

// w1 is done and c1 is w2's, for whom d2 was begun. d2 goes on for nobody.
void make_orphan(PoolBench& bench, Endpoint& a) {
  bench.ask(a);
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  REQUIRE(bench.finish(1) == "serve w2 on c1");
}

TEST_CASE("pool: one whose dial still runs takes what is free, and the dial goes on for whoever is next") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_orphan(bench, a);
  CHECK(bench.w(2).dial == DialId{});
  CHECK(bench.d(2).sponsor == TransferId{});
  CHECK_FALSE(bench.d(2).unwanted);
  CHECK(a.orphans.front() == &bench.d(2));
  CHECK(a.dialing.empty());
  CHECK(bench.go().empty());  // it is not given up
  CHECK(a.open == 2);
  bench.ask(a);
  CHECK(bench.go() == "take over d2 for w3");
  CHECK(a.orphans.empty());
  CHECK(a.open == 2);
  CHECK(bench.connected(2) == "serve w3 on c2");
}

TEST_CASE("pool: a connection that nobody waited for is kept") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_orphan(bench, a);
  CHECK(bench.connected(2) == "c2 is idle");
  CHECK(a.orphans.empty());
  CHECK(bench.pool.idle_connections() == 1);
  CHECK(bench.c(2).was_used());  // its peer may close it
  CHECK(bench.go().empty());
  bench.ask(a);
  CHECK(bench.go() == "serve w3 on c2");
}

TEST_CASE("pool: an idle connection comes before a dial that runs, that before a new one") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_orphan(bench, a);
  REQUIRE(bench.finish(2) == "c1 is idle");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "serve w3 on c1; take over d2 for w4; dial w5");
}

TEST_CASE("pool: of the dials without a waiter one that would be given up is taken first") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2; dial w3");
  bench.connected(1);
  REQUIRE(bench.finish(1) == "serve w2 on c1");
  bench.cancel(3);
  bench.ask(a);
  CHECK(bench.go() == "take over d3 for w4");
  CHECK(a.orphans.front() == &bench.d(2));
  CHECK(bench.go().empty());  // the other one is kept
}

// ---- limits ----

TEST_CASE("pool: no endpoint has more connections than it may; the others wait in order") {
  PoolBench bench(PoolBench::at_most(0, 2));
  Endpoint& a = bench.at("http://a.test/");
  Endpoint& b = bench.at("http://b.test/");
  for (int i = 0; i < 4; ++i) bench.ask(a);
  bench.ask(b);
  CHECK(bench.go() == "dial w1; dial w2; dial w5");
  CHECK(a.open == 2);
  bench.connected(1);
  bench.connected(2);
  CHECK(bench.go().empty());
  CHECK(bench.finish(2) == "serve w3 on c2");
  CHECK(bench.finish(1, false) == "close c1");
  CHECK(bench.go() == "dial w4");
}

TEST_CASE("pool: one whose dial runs is older than those in the queue, which take the dial then") {
  PoolBench bench(PoolBench::at_most(0, 2));
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  CHECK(bench.finish(1) == "serve w2 on c1");
  CHECK(bench.go() == "take over d2 for w3");
}

TEST_CASE("pool: a route's own limit counts where it is the lower one") {
  struct TestRoute : Route {
    explicit TestRoute(std::size_t most) : Route("", "a route", most) {}
  };
  const auto dials = [](std::size_t ours, std::size_t its) {
    PoolBench bench(PoolBench::at_most(0, ours));
    TransferOptions options;
    options.route = std::make_shared<TestRoute>(its);
    Endpoint& a = bench.at("http://a.test/", options);
    for (int i = 0; i < 5; ++i) bench.ask(a);
    bench.go();
    return a.open;
  };
  CHECK(dials(0, 0) == 5);
  CHECK(dials(3, 0) == 3);
  CHECK(dials(0, 2) == 2);
  CHECK(dials(3, 2) == 2);
  CHECK(dials(2, 3) == 2);
}

TEST_CASE("pool: no more connections in total than allowed; idle ones make room, the longest unused first") {
  PoolBench bench(PoolBench::at_most(2));
  Endpoint& a = bench.at("http://a.test/");
  Endpoint& b = bench.at("http://b.test/");
  Endpoint& c = bench.at("http://c.test/");
  bench.ask(a);
  bench.ask(b);
  bench.ask(c);
  CHECK(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  bench.connected(2);
  CHECK(bench.go().empty());
  CHECK(bench.finish(2) == "c2 is idle");
  CHECK(bench.finish(1) == "c1 is idle");
  CHECK(bench.go() == "close c2; dial w3");
  CHECK(bench.pool.open() == 2);
  CHECK(bench.pool.oldest_idle() == &bench.c(1));
}

TEST_CASE("pool: a connection of one's own makes no room for another of one's own, it serves") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a);
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "serve w2 on c1");
}

TEST_CASE("pool: with no idle connection a dial that nobody waits for makes room") {
  PoolBench bench(PoolBench::at_most(2));
  Endpoint& a = bench.at("http://a.test/");
  make_orphan(bench, a);
  CHECK(bench.go().empty());
  Endpoint& b = bench.at("http://b.test/");
  bench.ask(b);
  CHECK(bench.go() == "abandon d2; dial w3");
  CHECK(a.open == 1);
  CHECK(b.open == 1);
}

TEST_CASE("pool: an idle connection makes room before a dial does") {
  PoolBench bench(PoolBench::at_most(2));
  Endpoint& a = bench.at("http://a.test/");
  make_orphan(bench, a);
  REQUIRE(bench.finish(2) == "c1 is idle");
  bench.ask(bench.at("http://b.test/"));
  CHECK(bench.go() == "close c1; dial w3");
  CHECK(a.orphans.front() == &bench.d(2));
}

// ---- turns ----

TEST_CASE("pool: endpoints that wait for room take turns, one connection each") {
  PoolBench bench(PoolBench::at_most(2));
  Endpoint& x = bench.at("http://x.test/");
  bench.ask(x);
  bench.ask(x);
  REQUIRE(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  bench.connected(2);
  Endpoint& a = bench.at("http://a.test/");
  Endpoint& b = bench.at("http://b.test/");
  bench.ask(a);
  bench.ask(a);
  bench.ask(a);
  bench.ask(b);
  bench.ask(b);
  CHECK(bench.go().empty());
  bench.finish(1, false);
  bench.finish(2, false);
  CHECK(bench.go() == "dial w3; dial w6");
  bench.failed(3);
  bench.failed(4);
  CHECK(bench.go() == "dial w4; dial w7");
  bench.failed(5);
  CHECK(bench.go() == "dial w5");
}

TEST_CASE("pool: who comes when there is room again stands behind those that wait") {
  PoolBench bench(PoolBench::at_most(1));
  bench.ask(bench.at("http://x.test/"));
  REQUIRE(bench.go() == "dial w1");
  bench.ask(bench.at("http://a.test/"));
  CHECK(bench.go().empty());
  bench.failed(1);
  bench.ask(bench.at("http://b.test/"));
  CHECK(bench.go() == "dial w2");
  bench.failed(2);
  CHECK(bench.go() == "dial w3");
}

TEST_CASE("pool: an endpoint that nobody waits for any more is in nobody's way") {
  PoolBench bench(PoolBench::at_most(1));
  bench.ask(bench.at("http://x.test/"));
  REQUIRE(bench.go() == "dial w1");
  bench.ask(bench.at("http://a.test/"));
  bench.ask(bench.at("http://b.test/"));
  CHECK(bench.go().empty());
  bench.leave(2);
  CHECK(bench.go().empty());
  bench.failed(1);
  CHECK(bench.go() == "dial w3");
}

TEST_CASE("pool: a connection that another endpoint waits for is given up after kExchangesBeforeYield exchanges") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  bench.connected(1);
  bench.ask(bench.at("http://b.test/"));
  for (std::size_t i = 0; i < limits::kExchangesBeforeYield; ++i) bench.ask(a);
  CHECK(bench.go().empty());
  CHECK(bench.finish(1) == "serve w3 on c1");
  for (std::size_t waiter = 3; waiter <= limits::kExchangesBeforeYield; ++waiter) {
    CHECK(bench.finish(waiter) == "serve w" + std::to_string(waiter + 1) + " on c1");
  }
  REQUIRE(bench.c(1).exchanges_carried == limits::kExchangesBeforeYield);
  CHECK(bench.finish(limits::kExchangesBeforeYield + 1) == "close c1");
  CHECK(bench.go() == "dial w2");  // the other one's turn
}

TEST_CASE("pool: a connection that no other endpoint waits for goes on and on") {
  PoolBench bench(PoolBench::at_most(1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  bench.connected(1);
  for (std::size_t waiter = 1; waiter < 2 * limits::kExchangesBeforeYield; ++waiter) {
    bench.ask(a);
    CHECK(bench.go().empty());  // its own queue waits for room too
    CHECK(bench.finish(waiter) == "serve w" + std::to_string(waiter + 1) + " on c1");
  }
}

}  // namespace
