// Scheduling: a retry's place in the queue, an origin's turn at the limit of all connections, which idle connection is
// closed, and which dial a transfer gets. The limits themselves: limits_test.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

EngineOptions limited(std::size_t total, std::size_t per_origin) {
  EngineOptions options;
  options.max_connections = total;
  options.max_connections_per_origin = per_origin;
  return options;
}

std::string target_of(const std::string& request) { return request.substr(0, request.find(" HTTP/")); }

}  // namespace

TEST_CASE("turns: a retry goes before those that were waiting when it failed") {
  EngineWorld world(limited(0, 1));
  const ConnId dead = one_get(world);
  std::vector<TransferId> ids;
  for (const char* path : {"/1", "/2", "/3"}) ids.push_back(world.add("http://192.0.2.1" + std::string(path)));
  CHECK(target_of(world.sent(dead)) == "GET /1");
  world.eof(dead);
  CHECK(world.engine.info(ids[0]).retries == 1);
  const ConnId conn = newest(world);
  REQUIRE(conn != dead);
  world.connected(conn);
  for (const char* path : {"GET /1", "GET /2", "GET /3"}) {
    CHECK(target_of(world.sent(conn)) == path);
    world.receive(conn, answer("x"));
  }
  for (const TransferId id : ids) CHECK(world.succeeded(id));
  CHECK(world.engine.info(ids[1]).retries == 0);
  check_nothing_left(world);
}

TEST_CASE("turns: a request that the wire had not taken any of may go again, and once it has, counts as taken anew") {
  EngineWorld world;
  const ConnId dead = one_get(world);
  const TransferId id = world.add(EngineWorld::get("http://192.0.2.1/", "POST"));
  world.eof(dead);  // nothing of it was sent
  CHECK(world.engine.info(id).retries == 1);
  const ConnId conn = newest(world);
  world.connected(conn);
  world.receive(conn, "HTTP/1.1 ");  // before it was asked
  REQUIRE(world.done(id));
  CHECK(world.failure(id) == Code::malformed_response);
  check_nothing_left(world);
}

TEST_CASE("turns: where two places get free at once, two origins that wait have one each") {
  EngineWorld world(limited(2, 0));
  const TransferId lost[] = {world.add("http://nowhere.test/1"), world.add("http://nowhere.test/2")};
  for (const char* path : {"/1", "/2", "/3"}) world.add("http://192.0.2.1" + std::string(path));
  world.add("http://192.0.2.2/");
  CHECK(world.connects.empty());
  const ResolveId resolve = world.resolves.front().id;
  world.engine.handle_resolved(resolve, std::unexpected(make_error(Code::resolve_failed, "no such name")), world.now);
  world.drain();
  for (const TransferId id : lost) CHECK(world.failure(id) == Code::resolve_failed);
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[0].address.ip.to_string() == "192.0.2.1");
  CHECK(world.connects[1].address.ip.to_string() == "192.0.2.2");
}

TEST_CASE("turns: an origin that waits for nobody but itself keeps its connection, however many it carries") {
  EngineWorld world(limited(1, 0));
  std::vector<TransferId> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(world.add("http://192.0.2.1/"));
  world.connected(newest(world));
  for (int i = 0; i < 60; ++i) {
    world.sent(newest(world));
    world.receive(newest(world), answer("x"));
  }
  for (const TransferId id : ids) CHECK(world.succeeded(id));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("turns: a fresh connection at the origin's limit takes the place of the one that was idle for longest") {
  EngineWorld world(limited(0, 2));
  world.add("http://192.0.2.1/1");
  const ConnId first = go(world);
  world.add("http://192.0.2.1/2");
  const ConnId second = go(world);
  world.receive(first, answer("x"));
  world.pass(1s);
  world.receive(second, answer("x"));
  TransferOptions fresh;
  fresh.fresh_connection = true;
  world.add("http://192.0.2.1/3", fresh);
  CHECK(closes_of(world, first) == 1);
  CHECK(closes_of(world, second) == 0);
  CHECK(world.connects.size() == 3);
}

TEST_CASE("turns: no further address is tried while the connection that was made shakes hands") {
  TlsWorld world;
  world.ask();
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.pass(1s);
  CHECK(world.connects.size() == 1);
  CHECK(closes_of(world, conn) == 0);
  world.carry(conn);
  world.pass(1s);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("turns: a name is looked up in the family that was asked for") {
  for (const AddressFamily family : {AddressFamily::any, AddressFamily::ipv4, AddressFamily::ipv6}) {
    EngineWorld world;
    TransferOptions options;
    options.family = family;
    world.add("http://example.org/", options);
    REQUIRE(world.resolves.size() == 1);
    CHECK(world.resolves.front().family == family);
  }
}

TEST_CASE("turns: a wait for 100 ends with it, and its timer too") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    EngineWorld world;
    Request request = chunked ? with_body("POST", BodyStream{}) : with_body("POST", BodyOwned{"question"});
    REQUIRE(request.fields.add("Expect", "100-continue"));
    const TransferId id = world.add(std::move(request));
    const ConnId conn = go(world);
    REQUIRE(world.engine.deadline().has_value());
    CHECK(world.engine.deadline()->why == TimerKind::continue_timeout);
    world.receive(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK_FALSE(world.engine.deadline().has_value());
    if (chunked) {
      supply(world, id, "question");
      world.engine.finish_upload(id, world.now);
      world.drain();
    }
    CHECK(world.sent(conn).find("question") != std::string::npos);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
}

TEST_CASE("turns: a 100 that comes while the head is on its way sends the body behind it, whatever its framing") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    EngineWorld world;
    Request request = chunked ? with_body("POST", BodyStream{}) : with_body("POST", BodyOwned{"question"});
    REQUIRE(request.fields.add("Expect", "100-continue"));
    const TransferId id = world.add(std::move(request));
    const ConnId conn = newest(world);
    world.connected(conn);
    if (chunked) {
      supply(world, id, "question");
      world.engine.finish_upload(id, world.now);
      world.drain();
    }
    world.sent(conn, 10);
    world.receive(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(world.sent(conn).find("question") != std::string::npos);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
    check_nothing_left(world);
  }
}

TEST_CASE("turns: a body of just the limit is taken, one byte more is not, told or counted") {
  for (const bool chunked : {false, true}) {
    for (const std::size_t size : {7U, 8U, 9U}) {
      CAPTURE(chunked);
      CAPTURE(size);
      EngineWorld world;
      TransferOptions options;
      options.max_body_bytes = 8;
      const TransferId id = world.add("http://192.0.2.1/", options);
      const ConnId conn = go(world);
      const std::string body(size, 'b');
      world.receive(conn, chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::to_string(size) +
                                        "\r\n" + body + "\r\n0\r\n\r\n"
                                  : answer(body));
      REQUIRE(world.done(id));
      CHECK(world.succeeded(id) == (size <= 8));
      if (size > 8) CHECK(world.failure(id) == Code::body_too_large);
    }
  }
}

TEST_CASE("turns: the cap on fields is each head's and each trailer section's own") {
  std::string many;
  for (int i = 0; i < 3'000; ++i) many += "X: " + std::to_string(i) + "\r\n";
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 103 Early\r\n" + many + "\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + many +
                          "\r\n1\r\nb\r\n0\r\n" + many + "\r\n");
  CHECK(world.succeeded(id));
  CHECK(world.interims == std::vector<int>{103});
  CHECK(world.engine.head(id).fields.size() == 3'001);
  CHECK(world.engine.trailers(id).size() == 3'000);
}

TEST_CASE("turns: a transfer's own TLS configuration is preferred to the engine's, which serves the others") {
  TlsOptions nobody = trusting_options();
  nobody.trust_anchors_pem.clear();
  for (const bool own_is_good : {true, false}) {
    CAPTURE(own_is_good);
    TlsWorld world(own_is_good ? trusting_options() : nobody);
    EngineOptions options;
    options.default_tls = make_config(own_is_good ? nobody : trusting_options());
    world.engine = Engine(options);
    const TransferId own = world.ask();
    ConnId conn = world.connect();
    world.carry(conn);
    if (own_is_good) world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(own) == own_is_good);
    if (!own_is_good) CHECK(world.failure(own) == Code::tls_certificate);
    const TransferId others = world.add("https://example.org/");
    conn = world.connect();
    world.carry(conn);
    if (!own_is_good) world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(others) == !own_is_good);
  }
}
