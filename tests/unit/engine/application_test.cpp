// An application's other calls on an engine: cancel(), limits that change during a run, credentials from a URL, and
// reported heads.
#include <doctest/doctest.h>

#include <unordered_set>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

void cancel(EngineWorld& world, TransferId id) {
  world.engine.cancel(id, world.now);
  world.drain();
}

void set_limits(EngineWorld& world, EngineLimits limits) {
  world.engine.set_limits(limits, world.now);
  world.drain();
}

// So many connections to so many origins, each idle after one transfer.
void open_idle(EngineWorld& world, int count) {
  std::vector<TransferId> ids;
  for (int i = 0; i < count; ++i) ids.push_back(world.add("http://192.0.2." + std::to_string(1 + i) + "/"));
  for (const auto& connect : std::vector(world.connects)) {
    world.connected(connect.conn);
    world.sent(connect.conn);
    world.receive(connect.conn, answer("x"));
  }
  for (const TransferId id : ids) REQUIRE(world.succeeded(id));
  REQUIRE(world.engine.idle_connections() == static_cast<std::size_t>(count));
}

// What the request head says to a server, for a transfer to `url` under these options.
std::string head_for(std::string_view url, TransferOptions options = {}, std::string_view own = "") {
  EngineWorld world;
  Request request = EngineWorld::get(url);
  if (!own.empty()) REQUIRE(request.fields.add("Authorization", own));
  world.add(std::move(request), std::move(options));
  world.connected(newest(world));
  return world.sent(newest(world));
}

}  // namespace

TEST_CASE("cancel: in every phase it is one Done with canceled, the transfer stays until remove()") {
  for (int phase = 0; phase < 4; ++phase) {
    CAPTURE(phase);
    EngineWorld world;
    world.consume = false;
    const TransferId id = world.add("http://192.0.2.1/");
    if (phase > 0) {
      world.connected(newest(world));
      world.sent(newest(world));
    }
    if (phase > 1) world.receive(newest(world), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    if (phase > 2) world.receive(newest(world), "cde");
    cancel(world, id);
    CHECK(world.failure(id) == Code::canceled);
    CHECK(world.results.at(id).error().blame == Blame::caller);
    CHECK(world.engine.contains(id));
    CHECK(world.engine.is_done(id));
    CHECK(world.engine.head(id).status == (phase > 1 ? 200 : 0));
    cancel(world, id);  // without effect, and so below
    CHECK(world.results.size() == 1);
    world.remove(id);
    cancel(world, id);
    CHECK_FALSE(world.engine.contains(id));
    check_nothing_left(world);
  }
}

TEST_CASE("cancel: what had succeeded stays so") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  world.receive(go(world), answer("x"));
  cancel(world, id);
  CHECK(world.succeeded(id));
}

TEST_CASE("limits: a lowered one closes idle connections at once, the longest idle ones first") {
  EngineWorld world;
  open_idle(world, 5);
  set_limits(world, {.max_connections = 2, .max_connections_per_origin = 0, .idle_connection_timeout = 60s});
  CHECK(world.engine.limits().max_connections == 2);
  CHECK(world.engine.connections() == 2);
  CHECK(world.engine.idle_connections() == 2);
  CHECK(closes_of(world, world.connects[0].conn) == 1);
  CHECK(closes_of(world, world.connects[4].conn) == 0);
  check_nothing_left(world);
}

TEST_CASE("limits: a lowered one ends no transfer; its connection goes when the transfer has ended") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/"), second = world.add("http://192.0.2.2/");
  for (const auto& connect : std::vector(world.connects)) {
    world.connected(connect.conn);
    world.sent(connect.conn);
  }
  set_limits(world, {.max_connections = 1, .max_connections_per_origin = 0, .idle_connection_timeout = 60s});
  CHECK(world.engine.connections() == 2);
  const TransferId waiting = world.add("http://192.0.2.1/");
  world.receive(world.connects[0].conn, answer("x"));
  CHECK(world.succeeded(first));
  CHECK(closes_of(world, world.connects[0].conn) == 1);
  world.receive(world.connects[1].conn, answer("x"));
  CHECK(world.succeeded(second));
  REQUIRE(world.connects.size() == 3);  // the second one made way
  world.receive(go(world), answer("x"));
  CHECK(world.succeeded(waiting));
  CHECK(world.engine.connections() == 1);
  check_nothing_left(world);
}

TEST_CASE("limits: of those that a raised one lets begin, the one that waited longest is first") {
  EngineOptions options;
  options.max_connections = 1;
  EngineWorld world(options);
  for (int i = 0; i < 4; ++i) world.add("http://192.0.2." + std::to_string(i + 1) + "/");
  set_limits(world, {.max_connections = 2, .max_connections_per_origin = 0, .idle_connection_timeout = 60s});
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[1].address.to_string() == "192.0.2.2:80");
}

TEST_CASE("limits: an origin's is lowered below what it has in use: nothing is cut, nothing more is kept") {
  EngineWorld world;
  std::vector<ConnId> conns;
  for (int i = 0; i < 3; ++i) {
    world.add("http://192.0.2.1/");
    conns.push_back(go(world));
  }
  set_limits(world, {.max_connections = 0, .max_connections_per_origin = 1, .idle_connection_timeout = 60s});
  CHECK(world.closes.empty());
  for (const ConnId conn : conns) {
    world.receive(conn, answer("x"));
    CHECK(closes_of(world, conn) == (conn == conns[2] ? 0 : 1));
  }
  CHECK(world.results.size() == 3);
  check_nothing_left(world);
}

TEST_CASE("limits: a raised one lets who waits begin at once") {
  for (const bool per_origin : {false, true}) {
    for (const std::size_t raised : {std::size_t{3}, std::size_t{0}}) {
      CAPTURE(per_origin);
      CAPTURE(raised);
      EngineOptions options;
      (per_origin ? options.max_connections_per_origin : options.max_connections) = 1;
      EngineWorld world(options);
      for (int i = 0; i < 3; ++i)
        world.add(per_origin ? "http://192.0.2.1/" : "http://192.0.2." + std::to_string(i + 1) + "/");
      REQUIRE(world.connects.size() == 1);
      EngineLimits limits;
      (per_origin ? limits.max_connections_per_origin : limits.max_connections) = raised;
      set_limits(world, limits);
      CHECK(world.connects.size() == 3);
    }
  }
}

TEST_CASE("limits: the idle timeout holds for connections that are idle already") {
  EngineWorld world;
  open_idle(world, 1);
  world.pass(10s);
  set_limits(world, {.max_connections = 0, .max_connections_per_origin = 0, .idle_connection_timeout = 15s});
  REQUIRE(world.engine.deadline());
  CHECK(world.engine.deadline()->at == world.now.steady + 5s);
  CHECK(world.engine.idle_connections() == 1);
  set_limits(world, {.max_connections = 0, .max_connections_per_origin = 0, .idle_connection_timeout = 10s});
  CHECK(world.engine.idle_connections() == 0);
  CHECK(closes_of(world, world.connects[0].conn) == 1);
  open_idle(world, 1);
  set_limits(world, {.max_connections = 0, .max_connections_per_origin = 0, .idle_connection_timeout = 100s});
  world.pass(99s);
  CHECK(world.engine.idle_connections() == 1);
  world.pass(1s);
  CHECK(world.engine.idle_connections() == 0);
}

TEST_CASE("credentials: a URL's user and password are sent, percent-decoded") {
  CHECK(head_for("http://192.0.2.1/").find("Authorization") == std::string::npos);
  // RFC 7617 2, and 2.1 with a colon, a blank and what UTF-8 has; without a password it is empty.
  CHECK(head_for("http://Aladdin:open%20sesame@192.0.2.1/")
            .contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
  CHECK(head_for("http://test:123%C2%A3@192.0.2.1/").contains("\r\nAuthorization: Basic dGVzdDoxMjPCow==\r\n"));
  CHECK(head_for("http://u:a:b%3Ac@192.0.2.1/")
            .contains("\r\nAuthorization: Basic "
                      "dTphOmI6Yw==\r\n"));
  CHECK(head_for("http://u@192.0.2.1/").contains("\r\nAuthorization: Basic dTo=\r\n"));
  CHECK(head_for("http://u:p@192.0.2.1/").contains("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n"));
}

TEST_CASE("credentials: the application's own field and its option come first") {
  const std::string own = head_for("http://u:p@192.0.2.1/", {}, "Bearer token");
  CHECK(own.contains("Authorization: Bearer token\r\n"));
  CHECK_FALSE(own.contains("Basic"));
  TransferOptions without;
  without.send_url_credentials = false;
  CHECK_FALSE(head_for("http://u:p@192.0.2.1/", without).contains("Authorization"));
}

TEST_CASE("credentials: what Basic cannot hold is refused before anything is sent, where it would be sent") {
  for (const char* userinfo : {"a%3Ab:c", "a:b%0A", "%00"}) {
    CAPTURE(userinfo);
    EngineWorld world;
    const std::string url = "http://" + std::string(userinfo) + "@192.0.2.1/";
    const auto refused = world.engine.add(EngineWorld::get(url), {}, world.now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_request);
    CHECK(world.engine.running() == 0);
    TransferOptions without;
    without.send_url_credentials = false;
    const TransferId id = world.add(url, without);
    const ConnId conn = newest(world);
    world.connected(conn);
    CHECK(world.sent(conn).find("Authorization") == std::string::npos);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
}

TEST_CASE("SB-31 credentials: no error shows them") {
  EngineWorld world;
  const TransferId id = world.add("http://someone:secret@192.0.2.1/");
  world.io_error(newest(world), Code::connect_failed, "Connection refused");
  const std::string words = world.results.at(id).error().message();
  CHECK(words.contains("192.0.2.1"));
  for (const char* secret : {"someone", "secret", "c29tZW9uZTpzZWNyZXQ"}) CHECK_FALSE(words.contains(secret));
}

TEST_CASE(
    "report_heads: the head as the wire has it, once for each connection it is put on, and only where asked for") {
  EngineWorld world;
  TransferOptions options;
  options.report_heads = true;
  one_get(world, "http://192.0.2.1/");
  CHECK(world.heads_sent.empty());
  const TransferId id = world.add("http://u:p@192.0.2.1/x", options);
  REQUIRE(world.heads_sent.size() == 1);
  CHECK(world.heads_sent[0].transfer == id);
  const std::string wire = world.sent(newest(world));
  CHECK(world.heads_sent[0].head == wire);
  world.eof(newest(world));  // it was kept alive too long: another connection
  const std::string again = [&] {
    world.connected(newest(world));
    return world.sent(newest(world));
  }();
  REQUIRE(world.heads_sent.size() == 2);
  CHECK(world.heads_sent[1].head == again);
  CHECK(again == wire);
  Request upload = with_body("PUT", BodyOwned("body"));
  world.add(std::move(upload), options);
  REQUIRE(world.heads_sent.size() == 2);  // it waits for its connection
  world.connected(newest(world));
  REQUIRE(world.heads_sent.size() == 3);
  CHECK(world.heads_sent[2].head.ends_with("Content-Length: 4\r\n\r\n"));
}

TEST_CASE("ids are keys of unordered containers") {
  std::unordered_set<TransferId> ids;
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/"), second = world.add("http://192.0.2.1/");
  world.remove(first);
  const TransferId third = world.add("http://192.0.2.1/");  // in the place of the first
  for (const TransferId id : {first, second, third, third}) ids.insert(id);
  CHECK(ids.size() == 3);
  CHECK(std::unordered_set<ConnId>{newest(world)}.contains(newest(world)));
}
