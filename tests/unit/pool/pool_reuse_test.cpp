// core/pool/pool: used connections: which one is taken, how long it is kept, which waiters do not take it.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Endpoint;
using pool::Pool;
using pool::PooledConnection;
using std::chrono::milliseconds;
using std::chrono::seconds;

// c1 and c2, both used once; c2 was used last.
void make_two_idle(PoolBench& bench, Endpoint& a) {
  bench.ask(a);
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2");
  bench.connected(1);
  bench.connected(2);
  REQUIRE(bench.finish(1) == "c1 is idle");
  REQUIRE(bench.finish(2) == "c2 is idle");
  REQUIRE(bench.go().empty());
}

// What is due by now, if it is a connection's.
std::optional<ConnId> expired(PoolBench& bench) {
  const auto due = bench.timers.pop_due(bench.now.steady);
  if (!due || due->kind != TimerKind::connection_expiry) return std::nullopt;
  return due->owner<ConnTag>();
}

TEST_CASE("pool reuse: the connection that was used last is taken first") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_two_idle(bench, a);
  CHECK(bench.pool.oldest_idle() == &bench.c(1));
  CHECK(bench.pool.idle_connections() == 2);
  bench.ask(a);
  bench.ask(a);
  bench.ask(a);
  CHECK(bench.go() == "serve w3 on c2; serve w4 on c1; dial w5");
  CHECK(bench.pool.oldest_idle() == nullptr);
}

TEST_CASE("pool reuse: another endpoint's connection is no use") {
  PoolBench bench;
  bench.use(bench.at("http://a.test/"));
  bench.ask(bench.at("http://b.test/"));
  CHECK(bench.go() == "dial w2");
}

TEST_CASE("pool reuse: one that is closed is gone, idle or not") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_two_idle(bench, a);
  bench.close(bench.c(2));
  CHECK_FALSE(bench.c(2).is_idle());
  CHECK(bench.pool.idle_connections() == 1);
  CHECK(a.open == 1);
  CHECK(bench.pool.open() == 1);
  bench.ask(a);
  CHECK(bench.go() == "serve w3 on c1");
  CHECK(bench.finish(3, false) == "close c1");
  CHECK(bench.go().empty());
  CHECK(a.unused());
}

TEST_CASE("pool reuse: one that is not usable is closed, and who waits gets another") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  bench.go();
  bench.connected(1);
  CHECK(bench.finish(1, false) == "close c1");
  CHECK(bench.pool.open() == 0);
  CHECK(bench.go() == "dial w2");
}

// ---- how long it is kept ----

TEST_CASE("pool reuse: a connection is kept idle_connection_timeout, from the end of its last exchange on") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a);
  PooledConnection& connection = bench.c(1);
  const Instant parked = bench.now.steady;
  CHECK(connection.was_idle);
  CHECK(connection.idle_since == parked);
  CHECK(bench.timers.due(connection.expiry_timer) == parked + seconds(60));
  CHECK(bench.timers.earliest()->why == TimerKind::connection_expiry);
  bench.now.steady += seconds(60);
  CHECK(expired(bench) == connection.id);
  CHECK(bench.pool.is_expired(connection, bench.now));
}

TEST_CASE("pool reuse: one timer does for many uses, and looks at the last one when it comes") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a);
  PooledConnection& connection = bench.c(1);
  const Instant first = bench.now.steady;
  bench.now.steady += seconds(20);
  bench.use(a);
  CHECK(bench.timers.due(connection.expiry_timer) == first + seconds(60));  // not set again
  bench.now.steady = first + seconds(60);
  REQUIRE(expired(bench) == connection.id);
  CHECK_FALSE(bench.pool.is_expired(connection, bench.now));
  CHECK(bench.timers.due(connection.expiry_timer) == first + seconds(80));
  // While it carries an exchange it does not expire; it gets a timer when it is parked.
  bench.ask(a);
  REQUIRE(bench.go() == "serve w3 on c1");
  bench.now.steady = first + seconds(80);
  REQUIRE(expired(bench) == connection.id);
  CHECK_FALSE(bench.pool.is_expired(connection, bench.now));
  CHECK_FALSE(bench.timers.is_set(connection.expiry_timer));
  CHECK(bench.finish(3) == "c1 is idle");
  CHECK(bench.timers.due(connection.expiry_timer) == first + seconds(140));
}

TEST_CASE("pool reuse: what the peer says counts where it is less, also after a longer time was set") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a);
  PooledConnection& connection = bench.c(1);
  const Instant parked = bench.now.steady;
  connection.kept_for = seconds(4);
  bench.use(a);
  CHECK(bench.timers.due(connection.expiry_timer) == parked + seconds(4));
  bench.now.steady = parked + seconds(4);
  CHECK(bench.pool.is_expired(connection, bench.now));
  connection.kept_for = seconds(600);
  CHECK_FALSE(bench.pool.is_expired(connection, bench.now));
  CHECK(bench.timers.due(connection.expiry_timer) == parked + seconds(60));
}

TEST_CASE("pool reuse: a connection whose time is over is not taken, also if its timer is late") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_two_idle(bench, a);
  bench.c(2).kept_for = seconds(4);
  bench.now.steady += seconds(4) - Duration(1);
  bench.ask(a);
  CHECK(bench.go() == "serve w3 on c2");
  bench.c(2).kept_for = seconds(4);
  CHECK(bench.finish(3) == "c2 is idle");
  bench.now.steady += seconds(4);
  bench.ask(a);
  CHECK(bench.go() == "close c2; serve w4 on c1");
  bench.finish(4);
  bench.now.steady += seconds(60);
  bench.ask(a);
  CHECK(bench.go() == "close c1; dial w5");
}

// ---- who takes none that was used ----

TEST_CASE("pool reuse: who wants a fresh connection takes no other, and holds up nobody") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a, true);
  CHECK(bench.go() == "dial w1");
  CHECK(a.dialing.empty());         // no other would do
  bench.pool.withdraw(bench.w(1));  // so there is nothing to do
  CHECK(bench.w(1).dial == bench.d(1).id);
  bench.connected(1);
  bench.finish(1);
  bench.ask(a, true);
  CHECK(bench.go() == "dial w2");
  bench.ask(a);
  CHECK(bench.go() == "serve w3 on c1");
  CHECK(bench.finish(3) == "c1 is idle");
  CHECK(bench.connected(2) == "serve w2 on c2");
}

TEST_CASE("pool reuse: a connection that nobody waited for is as good as a fresh one, until it is parked") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  for (int i = 0; i < 3; ++i) bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2; dial w3");
  bench.connected(1);
  REQUIRE(bench.finish(1) == "serve w2 on c1");
  REQUIRE(bench.finish(2) == "serve w3 on c1");
  bench.ask(a, true);
  CHECK(bench.connected(2) == "serve w4 on c2");
  CHECK(bench.connected(3) == "c3 is idle");
  bench.ask(a, true);
  CHECK(bench.go() == "dial w5");
}

TEST_CASE("pool reuse: at the limit a used connection is closed for one who must have a fresh one") {
  PoolBench bench(PoolBench::at_most(0, 2));
  Endpoint& a = bench.at("http://a.test/");
  make_two_idle(bench, a);
  bench.ask(a, true);
  bench.ask(a);
  CHECK(bench.go() == "close c1; dial w3; serve w4 on c2");  // the one that was unused for longest
}

TEST_CASE("pool reuse: one that must have its own is not overtaken in the queue, its turn comes first") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a, true);
  bench.ask(a);
  CHECK(bench.go() == "dial w1");
  bench.connected(1);
  CHECK(bench.go().empty());
  CHECK(bench.finish(1) == "c1 is idle");
  CHECK(bench.go() == "close c1; dial w2");
  bench.connected(2);
  CHECK(bench.finish(2) == "serve w3 on c2");
}

// ---- peers that close after each answer and do not say so ----

TEST_CASE("pool reuse: a peer that ends a connection right after its only answer keeps none") {
  const auto noted = [](Duration after, std::uint32_t carried) {
    PoolBench bench;
    Endpoint& a = bench.at("http://a.test/");
    bench.use(a);
    bench.c(1).exchanges_carried = carried;
    bench.now.steady += after;
    bench.pool.note_end(bench.c(1), bench.now);
    return a.closes_unannounced;
  };
  CHECK(noted(Duration::zero(), 1));
  CHECK(noted(limits::kSettleTime - Duration(1), 1));
  CHECK_FALSE(noted(limits::kSettleTime, 1));  // it did keep it
  CHECK_FALSE(noted(Duration::zero(), 0));     // no answer
  CHECK_FALSE(noted(Duration::zero(), 2));     // it was used twice
}

TEST_CASE("pool reuse: an exchange that the end meets was no answer yet, and one that had begun is not such an end") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.go();
  bench.connected(1);
  bench.pool.note_end(bench.c(1), bench.now);  // the first one: nothing was answered
  CHECK_FALSE(a.closes_unannounced);
  REQUIRE(bench.finish(1) == "c1 is idle");
  bench.ask(a);
  REQUIRE(bench.go() == "serve w2 on c1");
  bench.session(1).started = 2;
  bench.pool.note_end(bench.c(1), bench.now);
  CHECK_FALSE(a.closes_unannounced);
  bench.session(1).started = 0;
  bench.pool.note_end(bench.c(1), bench.now);
  CHECK(a.closes_unannounced);
}

TEST_CASE("pool reuse: a peer that was seen to keep a connection is believed once more") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  bench.use(a, 2);
  CHECK(a.keeps);
  bench.close(bench.c(1));
  bench.use(a);
  bench.pool.note_end(bench.c(2), bench.now);
  CHECK_FALSE(a.closes_unannounced);  // an accident
  bench.close(bench.c(2));
  bench.use(a);
  bench.pool.note_end(bench.c(3), bench.now);
  CHECK(a.closes_unannounced);
  bench.use(a);  // c3 is used again
  CHECK(bench.c(3).exchanges_carried == 2);
  CHECK_FALSE(a.closes_unannounced);
  CHECK(a.keeps);
}

TEST_CASE(
    "pool reuse: where connections end unsaid, what must not be repeated takes one that has outlived its answer") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  make_two_idle(bench, a);
  a.closes_unannounced = true;
  bench.now.steady += limits::kSettleTime - Duration(1);
  bench.ask(a, false, false);
  CHECK(bench.go() == "dial w3");
  bench.ask(a);  // this one may be repeated
  CHECK(bench.go() == "serve w4 on c2");
  bench.now.steady += Duration(1);
  bench.ask(a, false, false);
  CHECK(bench.go() == "serve w5 on c1");
  bench.connected(3);
  CHECK(bench.finish(5) == "c1 is idle");
  bench.ask(a, true, false);
  bench.now.steady += limits::kSettleTime;
  CHECK(bench.go() == "dial w6");  // who wants a fresh one takes none of those
}

TEST_CASE("pool reuse: one that would not take a connection of such a peer leaves it to those after it") {
  PoolBench bench(PoolBench::at_most(0, 3));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a, false, false);
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2; dial w3");
  bench.connected(1);
  a.closes_unannounced = true;
  CHECK(bench.finish(1) == "serve w3 on c1");
  CHECK(bench.w(2).fresh_only);  // its own connection is the only one for it now
  CHECK(a.dialing.empty());
  CHECK(bench.w(2).dial == bench.d(2).id);
  CHECK(bench.connected(2) == "serve w2 on c2");
  CHECK(bench.go().empty());
}

}  // namespace
