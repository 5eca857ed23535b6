// Waiting: a retry's place in the queue and how it is counted, a dial that no transfer waits for, the delay after a
// refusal, an origin that waits for the total limit.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

TEST_CASE("waits: what is tried again comes before all that waits") {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  EngineWorld world(options);
  const ConnId conn = one_get(world);
  const TransferId first = world.add("http://192.0.2.1/first");
  world.add("http://192.0.2.1/second");
  world.add("http://192.0.2.1/third");
  world.sent(conn);
  world.eof(conn);
  REQUIRE(world.connects.size() == 2);
  const ConnId fresh = newest(world);
  world.connected(fresh);
  CHECK(world.sent(fresh).starts_with("GET /first "));
  world.receive(fresh, answer("x"));
  CHECK(world.succeeded(first));
  CHECK(world.sent(fresh).starts_with("GET /second "));
}

TEST_CASE("waits: a transfer is tried again once, and what it sent before does not count against it") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  const TransferId id = world.add("http://192.0.2.1/again");
  world.sent(conn);
  world.eof(conn);
  REQUIRE(world.connects.size() == 2);
  const ConnId fresh = newest(world);
  SUBCASE("nothing of it has left on the new connection") {
    world.connected(fresh);
    world.eof(fresh);
    CHECK(world.failure(id) == Code::connection_closed);
    CHECK(world.results.at(id).error().retry_safe);
  }
  SUBCASE("it cannot be made") {
    world.io_error(fresh, Code::connect_failed, "refused");
    CHECK(world.failure(id) == Code::connect_failed);
    CHECK(world.results.at(id).error().retry_safe);
  }
  SUBCASE("it has left") {
    world.connected(fresh);
    world.sent(fresh);
    world.eof(fresh);
    CHECK(world.failure(id) == Code::connection_closed);
  }
  CHECK(world.engine.info(id).retries == limits::kMaxRetries);
  CHECK(world.connects.size() == 2);
  check_nothing_left(world);
}

TEST_CASE("waits: a POST that was not sent, and is on its second connection, is sent there once") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  const TransferId id = world.add(with_body("POST", BodyOwned{"payload"}));
  world.eof(conn);
  REQUIRE(world.connects.size() == 2);
  world.connected(newest(world));
  CHECK_FALSE(world.sent(newest(world)).empty());
  world.eof(newest(world));
  CHECK(world.failure(id) == Code::connection_closed);
  CHECK_FALSE(world.results.at(id).error().retry_safe);
  CHECK(world.connects.size() == 2);
}

namespace {
// Two transfers dial; the first one's connection serves both, and the second dial is nobody's.
struct DialForNobody {
  DialForNobody(std::optional<Duration> connect_timeout, Duration idle_timeout) : world(engine_options(idle_timeout)) {
    TransferOptions options;
    options.connect_timeout = connect_timeout;
    world.add("http://192.0.2.1/a", options);
    world.add("http://192.0.2.1/b", options);
    REQUIRE(world.connects.size() == 2);
    dial = world.connects[1].conn;
    const ConnId conn = world.connects[0].conn;
    world.connected(conn);
    world.sent(conn);
    world.receive(conn, answer("x", "Keep-Alive: timeout=1000\r\n"));
    world.sent(conn);
    world.receive(conn, answer("x"));
    REQUIRE(world.engine.running() == 0);
  }
  static EngineOptions engine_options(Duration idle_timeout) {
    EngineOptions options;
    options.idle_connection_timeout = idle_timeout;
    return options;
  }
  EngineWorld world;
  ConnId dial;
};
}  // namespace

TEST_CASE("waits: a dial that nobody waits for has what is left of its time, or as long as a connection may be idle") {
  SUBCASE("its own time ends first") {
    DialForNobody orphan(2s, 10s);
    orphan.world.pass(1'999ms);
    CHECK(closes_of(orphan.world, orphan.dial) == 0);
    orphan.world.pass(1ms);
    CHECK(closes_of(orphan.world, orphan.dial) == 1);
  }
  SUBCASE("it has none") {
    DialForNobody orphan(std::nullopt, 10s);
    orphan.world.pass(9'999ms);
    CHECK(closes_of(orphan.world, orphan.dial) == 0);
    orphan.world.pass(1ms);
    CHECK(closes_of(orphan.world, orphan.dial) == 1);
  }
  SUBCASE("its own would be longer") {
    DialForNobody orphan(300s, 10s);
    orphan.world.pass(10s);
    CHECK(closes_of(orphan.world, orphan.dial) == 1);
  }
  SUBCASE("whoever comes has it, with a time of its own") {
    DialForNobody orphan(2s, 10s);
    orphan.world.engine.close_idle_connections(orphan.world.now);
    orphan.world.drain();
    orphan.world.pass(1'999ms);
    TransferOptions options;
    options.connect_timeout = 5s;
    const TransferId id = orphan.world.add("http://192.0.2.1/c", options);
    CHECK(orphan.world.connects.size() == 2);
    orphan.world.pass(4'999ms);
    CHECK_FALSE(orphan.world.done(id));
    orphan.world.pass(1ms);
    CHECK(orphan.world.failure(id) == Code::connect_timeout);
  }
}

TEST_CASE("waits: after a refusal the next address has 250 ms of its own") {
  EngineWorld world;
  world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  world.pass(100ms);
  world.io_error(world.connects[0].conn, Code::connect_failed, "refused");
  REQUIRE(world.connects.size() == 2);
  world.pass(150ms);
  CHECK(world.connects.size() == 2);  // the first one's time is nobody's any more
  world.pass(99ms);
  CHECK(world.connects.size() == 2);
  world.pass(1ms);
  CHECK(world.connects.size() == 3);
}

TEST_CASE(
    "waits: those that wait for the limit of all have one connection each, in the order in which they began to wait") {
  EngineOptions options;
  options.max_connections = 2;
  EngineWorld world(options);
  world.add("http://192.0.2.1/a");
  world.add("http://192.0.2.1/b");
  REQUIRE(world.connects.size() == 2);
  for (const auto& connect : world.connects) {
    world.connected(connect.conn);
    world.sent(connect.conn);
  }
  world.add("http://192.0.2.2/a");
  world.add("http://192.0.2.2/b");
  world.add("http://192.0.2.3/a");
  CHECK(world.connects.size() == 2);
  world.receive(world.connects[0].conn, answer("x"));
  REQUIRE(world.connects.size() == 3);
  CHECK(world.connects[2].address.ip.to_string() == "192.0.2.2");
  world.receive(world.connects[1].conn, answer("x"));
  REQUIRE(world.connects.size() == 4);
  CHECK(world.connects[3].address.ip.to_string() == "192.0.2.3");
}

TEST_CASE("waits: no idle timeout is left once a response is whole, and its body waits to be taken") {
  EngineWorld world;
  world.consume = false;
  TransferOptions options;
  options.idle_timeout = 1s;
  const TransferId id = world.add("http://192.0.2.1/", options);
  world.receive(go(world), answer("body"));
  if (const auto deadline = world.engine.deadline()) CHECK(deadline->why == TimerKind::connection_expiry);
  world.pass(10s);
  CHECK_FALSE(world.done(id));
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
}
