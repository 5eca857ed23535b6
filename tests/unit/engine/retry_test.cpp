// A kept-alive connection that turns out to be closed: what is sent again on another one, and what never is (SB-48).
#include <doctest/doctest.h>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

enum class Death { eof, reset, send_error };
constexpr Death kDeaths[] = {Death::eof, Death::reset, Death::send_error};

void die(EngineWorld& world, ConnId conn, Death how) {
  switch (how) {
    case Death::eof:
      world.eof(conn);
      break;
    case Death::reset:
      world.io_error(conn, Code::receive_failed);
      break;
    case Death::send_error:
      world.io_error(conn, Code::send_failed, "Broken pipe");
      CHECK_FALSE(world.engine.interest(conn).write);
      world.eof(conn);
      break;
  }
}

// `request` rides on a connection that was used before; `sent` bytes of it have left.
struct Reused {
  explicit Reused(Request request, std::size_t sent = SIZE_MAX)
      : conn(one_get(world)), id(world.add(std::move(request))) {
    REQUIRE(world.connects.size() == 1);
    REQUIRE(world.engine.info(id).reused);
    if (sent != 0) world.sent(conn, sent);
  }
  void check_served_elsewhere(std::string_view expected_end) {
    CHECK_FALSE(world.done(id));
    REQUIRE(world.connects.size() == 2);
    CHECK(closes_of(world, conn) == 1);
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).ends_with(expected_end));
    world.receive(newest(world), answer("again"));
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == "again");
    CHECK(world.engine.info(id).retries == 1);
    CHECK(world.engine.info(id).connections == 1);
    CHECK_FALSE(world.engine.info(id).reused);
    check_nothing_left(world);
  }
  EngineWorld world;
  ConnId conn;
  TransferId id;
};

}  // namespace

TEST_CASE("retry: a GET on a reused connection that dies before a response goes to a fresh one") {
  for (const Death how : kDeaths) {
    CAPTURE(static_cast<int>(how));
    Reused reused(EngineWorld::get("http://192.0.2.1/again"));
    die(reused.world, reused.conn, how);
    reused.check_served_elsewhere("\r\n\r\n");
  }
}

TEST_CASE("SB-48 a POST of which bytes were sent is never sent again") {
  for (const Death how : kDeaths) {
    for (const std::size_t sent : {std::size_t{1}, std::size_t{20}, SIZE_MAX}) {
      CAPTURE(sent);
      Reused reused(with_body("POST", BodyOwned{"payload"}), sent);
      die(reused.world, reused.conn, how);
      CHECK(reused.world.done(reused.id));
      CHECK_FALSE(reused.world.succeeded(reused.id));
      CHECK_FALSE(reused.world.results.at(reused.id).error().retry_safe);
      CHECK(reused.world.connects.size() == 1);
      check_nothing_left(reused.world);
    }
  }
}

TEST_CASE("SB-48 methods without idempotence stay put, the idempotent ones move") {
  for (const std::string_view method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    CAPTURE(method);
    Reused reused(EngineWorld::get("http://192.0.2.1/", method));
    reused.world.eof(reused.conn);
    CHECK_FALSE(reused.world.done(reused.id));
    CHECK(reused.world.connects.size() == 2);
  }
  for (const std::string_view method : {"POST", "PATCH", "get", "MADEUP"}) {
    CAPTURE(method);
    Reused reused(EngineWorld::get("http://192.0.2.1/", method));
    reused.world.eof(reused.conn);
    CHECK(reused.world.failure(reused.id) == Code::connection_closed);
    CHECK(reused.world.connects.size() == 1);
  }
}

TEST_CASE("retry: a POST of which nothing was sent goes to a fresh connection") {
  for (const Death how : kDeaths) {
    CAPTURE(static_cast<int>(how));
    Reused reused(with_body("POST", BodyOwned{"payload"}), 0);
    die(reused.world, reused.conn, how);
    reused.check_served_elsewhere("\r\n\r\npayload");
  }
}

TEST_CASE("retry: a PUT with a body that can be had again is sent whole again") {
  const std::string body = "some bytes of the caller's";
  Reused reused(with_body("PUT", BodyView{as_bytes(body)}));
  die(reused.world, reused.conn, Death::reset);
  reused.check_served_elsewhere(body);
  CHECK(reused.world.engine.progress(reused.id).sent_body_bytes == body.size());
}

TEST_CASE("retry: a streamed body of which bytes were committed is never sent again, an untouched one is") {
  {
    Reused reused(with_body("PUT", BodyStream{}), 0);
    supply(reused.world, reused.id, "bytes");  // none has left, but they cannot be had again
    die(reused.world, reused.conn, Death::eof);
    CHECK(reused.world.failure(reused.id) == Code::connection_closed);
    CHECK(reused.world.connects.size() == 1);
  }
  Reused reused(with_body("PUT", BodyStream{.length = 5}));
  const std::size_t told = reused.world.uploads_ready.size();
  die(reused.world, reused.conn, Death::eof);
  CHECK_FALSE(reused.world.done(reused.id));
  CHECK(reused.world.engine.upload_space(reused.id).empty());
  const ConnId conn = go(reused.world);
  CHECK(reused.world.uploads_ready.size() == told + 1);
  CHECK(supply(reused.world, reused.id, "bytes") == 5);
  CHECK(reused.world.sent(conn) == "bytes");
  reused.world.receive(conn, answer("x"));
  CHECK(reused.world.succeeded(reused.id));
}

TEST_CASE("retry: a streamed body that can be given again is asked for, and goes out from its start") {
  for (const bool finished : {false, true}) {
    CAPTURE(finished);
    Reused reused(with_body("PUT", BodyStream{.rewindable = true}));
    supply(reused.world, reused.id, "first");
    if (finished) reused.world.engine.finish_upload(reused.id, reused.world.now);
    reused.world.drain();
    reused.world.sent(reused.conn);
    die(reused.world, reused.conn, Death::reset);
    CHECK(reused.world.rewinds == std::vector{reused.id});
    REQUIRE(reused.world.connects.size() == 2);
    // Before and after there is a connection: there is no room until the application has said that it begins anew.
    CHECK(reused.world.engine.upload_space(reused.id).empty());
    const ConnId conn = go(reused.world);
    CHECK(reused.world.engine.upload_space(reused.id).empty());
    reused.world.engine.rewind_upload(reused.id, reused.world.now);
    reused.world.engine.rewind_upload(reused.id, reused.world.now);  // needless
    reused.world.drain();
    CHECK(supply(reused.world, reused.id, "again") == 5);
    reused.world.engine.finish_upload(reused.id, reused.world.now);
    reused.world.drain();
    CHECK(reused.world.sent(conn) == "5\r\nagain\r\n0\r\n\r\n");
    reused.world.receive(conn, answer("x"));
    CHECK(reused.world.succeeded(reused.id));
    CHECK(reused.world.rewinds.size() == 1);
    CHECK(reused.world.engine.progress(reused.id).sent_body_bytes == 5);
    check_nothing_left(reused.world);
  }
}

TEST_CASE("retry: what is asked for of a transfer that has ended meanwhile is not told") {
  Reused reused(with_body("PUT", BodyStream{.rewindable = true}));
  supply(reused.world, reused.id, "first");
  reused.world.engine.handle_io_error(reused.conn, make_error(Code::receive_failed, "reset"), reused.world.now);
  reused.world.engine.cancel(reused.id, reused.world.now);
  reused.world.drain();
  CHECK(reused.world.rewinds.empty());
  CHECK(reused.world.failure(reused.id) == Code::canceled);
  check_nothing_left(reused.world);
}

TEST_CASE("retry: not once a byte of a response was seen") {
  for (const std::string_view seen :
       {"H", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}) {
    CAPTURE(seen);
    Reused reused(EngineWorld::get("http://192.0.2.1/"));
    reused.world.receive(reused.conn, seen);
    reused.world.eof(reused.conn);
    CHECK(reused.world.failure(reused.id) == Code::truncated);
    CHECK(reused.world.connects.size() == 1);
    check_nothing_left(reused.world);
  }
  Reused garbage(EngineWorld::get("http://192.0.2.1/"));
  garbage.world.receive(garbage.conn, "garbage that is no response\r\n");
  CHECK(garbage.world.failure(garbage.id) == Code::not_http);
  CHECK(garbage.world.connects.size() == 1);
}

TEST_CASE("retry: not on a fresh connection, where the peer's silence is an answer") {
  for (const Death how : kDeaths) {
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    die(world, conn, how);
    REQUIRE(world.done(id));
    CHECK(world.failure(id) == (how == Death::eof     ? Code::connection_closed
                                : how == Death::reset ? Code::receive_failed
                                                      : Code::send_failed));
    CHECK(world.results.at(id).error().retry_safe);  // idempotent, and nothing of a response was seen
    CHECK(world.connects.size() == 1);
    check_nothing_left(world);
  }
}

TEST_CASE("retry: the second connection is no kept-alive one, even if there is one, and dies for good") {
  EngineWorld world;
  const TransferId a = world.add("http://192.0.2.1/a");
  const ConnId first = go(world);
  const TransferId b = world.add("http://192.0.2.1/b");
  const ConnId second = go(world);
  world.receive(first, answer("a"));
  world.receive(second, answer("b"));
  CHECK(world.succeeded(a));
  CHECK(world.succeeded(b));
  const TransferId id = world.add("http://192.0.2.1/c");
  world.sent(second);
  world.eof(second);
  REQUIRE(world.connects.size() == 3);  // though `first` is idle
  world.connected(newest(world));
  world.sent(newest(world));
  world.eof(newest(world));
  CHECK(world.failure(id) == Code::connection_closed);
  CHECK(world.engine.info(id).retries == 1);
  CHECK(world.connects.size() == 3);
  check_nothing_left(world);
}

TEST_CASE("retry: a transfer tried again keeps its total time and can be removed") {
  Reused reused(EngineWorld::get("http://192.0.2.1/"));
  reused.world.eof(reused.conn);
  REQUIRE_FALSE(reused.world.done(reused.id));
  reused.world.remove(reused.id);
  CHECK(reused.world.failure(reused.id) == Code::canceled);
  check_nothing_left(reused.world);
}

namespace {
// Two connections to one place: the first has carried an exchange, the other was made for nobody in the end. Both are
// idle.
std::pair<ConnId, ConnId> used_and_spare(EngineWorld& world) {
  const TransferId first = world.add("http://192.0.2.1/1");
  const ConnId used = go(world);
  const TransferId second = world.add("http://192.0.2.1/2");
  const ConnId spare = newest(world);
  world.receive(used, answer("1"));  // the second rides on this one now
  world.sent(used);
  world.receive(used, answer("2"));
  REQUIRE(world.succeeded(first));
  REQUIRE(world.succeeded(second));
  world.connected(spare);
  REQUIRE(world.engine.idle_connections() == 2);
  return {used, spare};
}
}  // namespace

TEST_CASE("retry: a connection that was never used may have died of idleness as well") {
  EngineWorld world;
  const auto [used, spare] = used_and_spare(world);
  world.pass(std::chrono::seconds(50));
  const TransferId third = world.add("http://192.0.2.1/3");
  REQUIRE(world.engine.info(third).conn == spare);
  CHECK_FALSE(world.engine.info(third).reused);
  CHECK(world.engine.progress(third).connected == world.now.steady);  // it cost no time
  world.sent(spare);
  world.eof(spare);  // the server's idle timeout has crossed the request
  CHECK_FALSE(world.done(third));
  CHECK(world.engine.info(third).retries == 1);
  const ConnId fresh = go(world);
  CHECK(fresh != used);
  CHECK(fresh != spare);
  world.receive(fresh, answer("3"));
  CHECK(world.succeeded(third));
  check_nothing_left(world);
}

TEST_CASE("retry: goes to a connection that has not stood idle, used before or not") {
  EngineWorld world;
  const auto [used, spare] = used_and_spare(world);
  const TransferId third = world.add("http://192.0.2.1/3");  // on the spare one
  world.sent(spare);
  world.receive(spare, answer("3"));
  CHECK(world.succeeded(third));
  const TransferId fourth = world.add("http://192.0.2.1/4");
  REQUIRE(world.engine.info(fourth).conn == spare);
  world.sent(spare);
  world.eof(spare);
  CHECK(world.engine.info(fourth).retries == 1);
  CHECK(newest(world) != spare);
  CHECK(newest(world) != used);
  world.receive(go(world), answer("4"));
  CHECK(world.succeeded(fourth));
  check_nothing_left(world);
}

TEST_CASE("retry: the figures are those of the attempt that counts") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  const TransferId id = world.add("http://192.0.2.1/");
  const std::string request = world.sent(conn);
  CHECK(world.engine.progress(id).sent.has_value());
  world.pass(std::chrono::seconds(10));
  world.eof(conn);
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.pass(std::chrono::seconds(1));
  const ConnId other = newest(world);
  world.connected(other);
  world.sent(other);
  CHECK(*world.engine.progress(id).sent >= *world.engine.progress(id).connected);
  CHECK(world.engine.progress(id).sent_head_bytes == request.size());
  world.receive(other, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("retry: who wants a connection of its own holds up nobody who would take another") {
  EngineWorld world;
  const TransferId busy = world.add("http://192.0.2.1/busy");
  const ConnId conn = go(world);
  TransferOptions fresh;
  fresh.fresh_connection = true;
  const TransferId own = world.add("http://192.0.2.1/fresh", fresh);  // dials, and so does the next one
  const ConnId dialled = newest(world);
  const TransferId normal = world.add("http://192.0.2.1/normal");
  const ConnId needless = newest(world);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(busy));
  CHECK(world.engine.info(normal).conn == conn);
  world.sent(conn);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(normal));
  world.connected(dialled);
  CHECK(world.engine.info(own).conn == dialled);
  world.sent(dialled);
  world.receive(dialled, answer("x"));
  CHECK(world.succeeded(own));
  world.connected(needless);
  check_nothing_left(world);
}
