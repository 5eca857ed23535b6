// What is known of a kept connection before it is reused: how long its peer keeps it, and whether the peer keeps
// connections at all.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

Request a_post(std::string_view url = "http://192.0.2.1/post") { return with_body("POST", BodyOwned{"payload"}, url); }

// A transfer on the newest connection, from its making to its end.
void on_a_new_connection(EngineWorld& world, Request request) {
  const std::size_t before = world.connects.size();
  const TransferId id = world.add(std::move(request));
  REQUIRE(world.connects.size() == before + 1);
  world.receive(go(world), answer("x"));
  REQUIRE(world.succeeded(id));
}

}  // namespace

TEST_CASE(
    "keeping: where a peer closes right after an answer, unsaid, no POST takes a connection that may be about to end") {
  EngineWorld world;
  on_a_new_connection(world, a_post());
  SUBCASE("found out while it is idle") {
    world.pass(2ms);
    world.eof(newest(world));
  }
  SUBCASE("found out by a POST, which is lost") {
    const TransferId lost = world.add(a_post());
    world.sent(newest(world));
    world.pass(2ms);
    world.eof(newest(world));
    CHECK(world.failure(lost) == Code::connection_closed);
  }
  SUBCASE("found out by a reset") {
    world.pass(2ms);
    world.io_error(newest(world), Code::receive_failed);
  }
  for (int i = 0; i < 8; ++i) {
    on_a_new_connection(world, a_post());
    world.pass(2ms);
    if (i % 2 == 0) world.eof(newest(world));
  }
  check_nothing_left(world);
}

TEST_CASE("keeping: what waits in the queue learns of it too, and makes room for itself") {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  EngineWorld world(options);
  on_a_new_connection(world, a_post());
  world.pass(2ms);
  world.eof(newest(world));
  world.add(a_post());
  const ConnId first = go(world);
  const TransferId second = world.add(a_post());
  world.receive(first, answer("x"));
  CHECK(closes_of(world, first) == 1);
  REQUIRE(world.connects.size() == 3);
  world.receive(go(world), answer("x"));
  CHECK(world.succeeded(second));
}

TEST_CASE("keeping: a POST that has a connection made for itself alone holds up no GET that waits after it") {
  EngineWorld world;
  on_a_new_connection(world, a_post());
  world.pass(2ms);
  world.eof(newest(world));
  world.add("http://192.0.2.1/first");
  const ConnId first = go(world);
  const TransferId post = world.add(a_post());
  const TransferId get = world.add("http://192.0.2.1/second");
  REQUIRE(world.connects.size() == 4);
  world.receive(first, answer("x"));
  CHECK(world.sent(first).starts_with("GET /second "));
  world.receive(first, answer("y"));
  CHECK(world.succeeded(get));
  CHECK_FALSE(world.done(post));
  world.connected(world.connects[2].conn);
  CHECK(world.sent(world.connects[2].conn).starts_with("POST /post "));
}

TEST_CASE(
    "keeping: such a peer's connection is taken again once it has outlived its answer by a second, or has served a GET") {
  EngineWorld world;
  on_a_new_connection(world, a_post());
  world.pass(2ms);
  world.eof(newest(world));
  on_a_new_connection(world, a_post());
  const std::size_t connects = world.connects.size();
  SUBCASE("not before") {
    world.pass(limits::kSettleTime - 1ms);
    world.add(a_post());
    CHECK(world.connects.size() == connects + 1);
  }
  SUBCASE("a second") {
    world.pass(limits::kSettleTime);
    world.add(a_post());
    CHECK(world.connects.size() == connects);
  }
  SUBCASE("a GET, which may be sent again") {
    const TransferId get = world.add("http://192.0.2.1/");
    CHECK(world.connects.size() == connects);
    world.sent(newest(world));
    world.receive(newest(world), answer("x"));
    CHECK(world.succeeded(get));
    world.add(a_post());
    CHECK(world.connects.size() == connects);
  }
}

TEST_CASE(
    "keeping: an end that comes later, after more than one answer, or in the middle of one says nothing of that kind") {
  EngineWorld world;
  on_a_new_connection(world, a_post());
  SUBCASE("later") {
    world.pass(limits::kSettleTime);
    world.eof(newest(world));
  }
  SUBCASE("after two answers") {
    world.add("http://192.0.2.1/");
    world.sent(newest(world));
    world.receive(newest(world), answer("x"));
    world.eof(newest(world));
  }
  SUBCASE("in the middle of one") {
    world.add("http://192.0.2.1/");
    world.sent(newest(world));
    world.receive(newest(world), "HTTP/1.1 200");
    world.eof(newest(world));
  }
  SUBCASE("another origin's") {
    on_a_new_connection(world, a_post("http://192.0.2.2/"));
    world.eof(newest(world));
  }
  const std::size_t connects = world.connects.size();
  const bool there = world.engine.idle_connections() == 1;
  if (!there) on_a_new_connection(world, a_post());
  world.add(a_post());
  CHECK(world.connects.size() == connects + (there ? 0 : 1));
}

TEST_CASE("keeping: a connection is not used in the last second of what its peer's Keep-Alive allows") {
  struct Row {
    const char* field;
    std::optional<Duration> until;  // null: a minute, the engine's own
  };
  const Row rows[] = {{"Keep-Alive: timeout=5\r\n", 4s},       {"Keep-Alive: timeout=5, max=100\r\n", 4s},
                      {"keep-alive: max=7,TIMEOUT=2\r\n", 1s}, {"Keep-Alive: timeout=1\r\n", 500ms},
                      {"Keep-Alive: timeout=0\r\n", 0s},       {"Keep-Alive: timeout=100000\r\n", 60s},
                      {"Keep-Alive: timeout=-1\r\n", {}},      {"Keep-Alive: timeout=99999999999999999999\r\n", {}},
                      {"Keep-Alive: timeout=\r\n", {}},        {"Keep-Alive: timeout=5x\r\n", {}},
                      {"Keep-Alive: max=3\r\n", {}},           {"Keep-Alive: \r\n", {}}};
  for (const Row& row : rows) {
    CAPTURE(row.field);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    world.receive(conn, answer("x", row.field));
    REQUIRE(world.succeeded(id));
    const Duration until = row.until.value_or(60s);
    if (until > 0s) {
      world.pass(until - 1ms);
      CHECK(closes_of(world, conn) == 0);
      world.pass(1ms);
    }
    CHECK(closes_of(world, conn) == 1);
    CHECK(world.connects.size() == 1);
    check_nothing_left(world);
  }
}

TEST_CASE("keeping: where the timer is late a connection past its time is not used all the same") {
  EngineWorld world;
  world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, answer("x", "Keep-Alive: timeout=5\r\n"));
  world.now.steady += 4s;
  world.add("http://192.0.2.1/");
  CHECK(world.connects.size() == 2);
  CHECK(closes_of(world, conn) == 1);
}

TEST_CASE("keeping: a shorter Keep-Alive counts from the answer that says it") {
  EngineWorld world;
  world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, answer("x", "Keep-Alive: timeout=20\r\n"));
  world.add("http://192.0.2.1/");
  world.sent(conn);
  world.receive(conn, answer("x", "Keep-Alive: timeout=3\r\n"));
  world.pass(1'999ms);
  CHECK(closes_of(world, conn) == 0);
  world.pass(1ms);
  CHECK(closes_of(world, conn) == 1);
}

TEST_CASE("keeping: a driver is asked to look first where a request must not go twice, on a connection that was used") {
  EngineWorld world;
  world.add(a_post());
  const ConnId conn = newest(world);
  CHECK_FALSE(world.engine.must_look_first(conn));
  world.connected(conn);
  CHECK_FALSE(world.engine.must_look_first(conn));  // it is new
  world.sent(conn);
  world.receive(conn, answer("x"));
  CHECK_FALSE(world.engine.must_look_first(conn));  // it is idle
  world.add("http://192.0.2.1/get");
  CHECK_FALSE(world.engine.must_look_first(conn));  // a GET may go twice
  world.sent(conn);
  world.receive(conn, answer("x"));
  world.add(a_post());
  CHECK(world.engine.must_look_first(conn));
  world.sent(conn, 1);
  CHECK_FALSE(world.engine.must_look_first(conn));  // too late
  world.sent(conn);
  world.receive(conn, answer("x"));
  world.add(with_body("PUT", BodyStream{}));
  CHECK(world.engine.must_look_first(conn));  // its body is given once
  CHECK_FALSE(world.engine.must_look_first(ConnId{}));
}

TEST_CASE(
    "keeping: a 408 on a reused connection is its idleness, and the request goes out again on a new one (RFC 9110 15.5.9)") {
  const std::string timed_out = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nslow";
  EngineWorld world;
  const ConnId conn = one_get(world);
  SUBCASE("a GET") {
    const TransferId id = world.add("http://192.0.2.1/again");
    world.sent(conn);
    const std::size_t heads = world.heads.size();
    world.receive(conn, timed_out);
    CHECK(world.heads.size() == heads);
    CHECK(closes_of(world, conn) == 1);
    REQUIRE(world.connects.size() == 2);
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).starts_with("GET /again "));
    SUBCASE("and is answered") {
      world.receive(newest(world), answer("x"));
      CHECK(world.succeeded(id));
      CHECK(world.bodies[id] == "x");
      CHECK(world.engine.info(id).retries == 1);
    }
    SUBCASE("and a second one is the answer") {
      world.receive(newest(world), timed_out);
      CHECK(world.succeeded(id));
      CHECK(world.engine.head(id).status == 408);
      CHECK(world.connects.size() == 2);
    }
  }
  SUBCASE("not a POST, which has its 408") {
    const TransferId id = world.add(a_post());
    world.sent(conn);
    world.receive(conn, timed_out);
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 408);
    CHECK(world.connects.size() == 1);
  }
  SUBCASE("not on a connection that is new") {
    const TransferId id = world.add("http://192.0.2.2/");
    world.receive(go(world), timed_out);
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 408);
    CHECK(world.connects.size() == 2);
  }
  check_nothing_left(world);
}

TEST_CASE("keeping: an idle connection on which a send failed is closed, and nobody gets it") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  world.io_error(conn, Code::send_failed, "Broken pipe");
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.engine.idle_connections() == 0);
  world.add("http://192.0.2.1/");
  CHECK(world.connects.size() == 2);
}
