// When a connection is not used any more: its greatest age, its greatest number of exchanges, what the peer's
// Keep-Alive field says, and another network.
#include <doctest/doctest.h>

#include "tests/support/engine_steps.hpp"
#include "tests/support/mux_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kAgingUrl = "http://192.0.2.1/";

// A GET, on the idle connection if there is one: returns how many connections were made so far.
std::size_t get_once(EngineWorld& world, std::string_view fields = "") {
  const TransferId id = world.add(kAgingUrl);
  const ConnId conn = newest(world);
  if (world.engine.interest(conn) == Interest{}) world.connected(conn);
  world.sent(conn);
  world.receive(conn, answer("x", fields));
  REQUIRE(world.succeeded(id));
  return world.connects.size();
}

}  // namespace

TEST_CASE("pool: a connection carries as many exchanges as the limit allows") {
  EngineOptions options;
  options.max_connection_uses = 2;
  EngineWorld world(options);
  CHECK(get_once(world) == 1);
  CHECK(world.engine.idle_connections() == 1);
  CHECK(get_once(world) == 1);
  CHECK(world.engine.idle_connections() == 0);
  CHECK(get_once(world) == 2);
  CHECK(get_once(world) == 2);
  CHECK(get_once(world) == 3);
  EngineLimits limits = world.engine.limits();
  CHECK(limits.max_connection_uses == 2);
  limits.max_connection_uses = 1;
  world.engine.set_limits(limits, world.now);
  world.drain();
  CHECK(get_once(world) == 4);
  CHECK(get_once(world) == 5);
  check_nothing_left(world);
}

TEST_CASE("pool: a connection that is too old is closed: when it is idle, and when its exchange ends") {
  EngineOptions options;
  options.max_connection_age = 10s;
  EngineWorld world(options);
  CHECK(get_once(world) == 1);
  world.pass(4s);
  CHECK(get_once(world) == 1);
  REQUIRE(world.engine.deadline().has_value());
  CHECK(world.engine.deadline()->why == TimerKind::connection_expiry);
  world.pass(5999ms);
  CHECK(world.engine.idle_connections() == 1);
  world.pass(1ms);
  CHECK(world.engine.idle_connections() == 0);

  const TransferId busy = world.add(kAgingUrl);
  const ConnId conn = go(world);
  world.pass(60s);  // it is not cut off
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(busy));
  CHECK(world.engine.idle_connections() == 0);
  CHECK(get_once(world) == 3);
  check_nothing_left(world);
}

TEST_CASE("pool: a connection that carries several exchanges takes no further one when it is too old") {
  EngineOptions options;
  options.max_connection_age = 10s;
  MuxWorld world(100, options);
  const TransferId first = world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const TransferId second = world.add("http://192.0.2.1/2");
  CHECK(world.connects.size() == 1);
  world.pass(10s);
  const TransferId third = world.add("http://192.0.2.1/3");
  CHECK(world.connects.size() == 2);
  CHECK_FALSE(world.done(first));
  CHECK_FALSE(world.done(second));
  world.remove(first);
  world.remove(second);
  CHECK(closes_of(world, conn) == 1);
  world.remove(third);
  check_nothing_left(world);
}

TEST_CASE("pool: Keep-Alive: max=0 announces that the peer takes no further request") {
  EngineWorld world;
  CHECK(get_once(world, "Keep-Alive: timeout=5, max=1\r\n") == 1);
  CHECK(world.engine.idle_connections() == 1);
  CHECK(get_once(world, "Keep-Alive: timeout=5, max=0\r\n") == 1);
  CHECK(world.engine.idle_connections() == 0);
  CHECK(get_once(world, "Keep-Alive: max=00x, max=\r\n") == 2);
  CHECK(world.engine.idle_connections() == 1);
  check_nothing_left(world);
}

TEST_CASE("pool: after a change of the network no connection is used again, and names are looked up again") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.9");
  const ConnId idle = go(world);
  world.receive(idle, answer("x"));
  REQUIRE(world.succeeded(id));
  const TransferId running = world.add("http://192.0.2.2/");
  const ConnId busy = go(world);
  world.engine.network_changed(world.now);
  world.drain();
  CHECK(closes_of(world, idle) == 1);
  CHECK(closes_of(world, busy) == 0);
  world.receive(busy, answer("x"));
  CHECK(world.succeeded(running));
  CHECK(closes_of(world, busy) == 1);
  world.add("http://example.org/");
  CHECK(world.resolves.size() == 1);
  world.remove(world.add("http://192.0.2.2/"));
  CHECK(world.connects.size() == 3);
}

TEST_CASE("pool: an answer that was on its way when the network changed is used, and not kept") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.engine.network_changed(world.now);
  world.drain();
  world.resolved("192.0.2.9");
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  world.engine.close_idle_connections(world.now);
  world.drain();
  world.add("http://example.org/");
  CHECK(world.resolves.size() == 1);
}
