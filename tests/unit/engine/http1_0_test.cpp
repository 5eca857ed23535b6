// HTTP/1.0 requests (TransferOptions::http_versions): what is sent, what cannot be, and that each ends its connection.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/engine_steps.hpp"
#include "tests/support/engine_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;

TransferOptions of_1_0() {
  TransferOptions options;
  options.http_versions = HttpVersions::http1_0;
  return options;
}

Request sending(RequestBody body) {
  Request request = EngineWorld::get("http://192.0.2.1/", "PUT");
  request.body = std::move(body);
  return request;
}

}  // namespace

TEST_CASE("HTTP/1.0: the request says so, and its connection is closed after the response") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/a", of_1_0());
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn) == "GET /a HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(first));
  CHECK(world.engine.idle_connections() == 0);
  CHECK(world.closes.size() == 1);
  // One that is open carries it, and is closed then.
  world.add("http://192.0.2.1/b");
  const ConnId second = newest(world);
  world.connected(second);
  world.sent(second);
  world.receive(second, answer("y"));
  CHECK(world.engine.idle_connections() == 1);
  const TransferId last = world.add("http://192.0.2.1/c", of_1_0());
  CHECK(world.sent(second).starts_with("GET /c HTTP/1.0\r\n"));
  world.receive(second, answer("z"));
  CHECK(world.succeeded(last));
  CHECK(world.engine.connections() == 0);
}

TEST_CASE("HTTP/1.0: a body with a length is sent at once, without Expect") {
  EngineWorld world;
  TransferOptions options = of_1_0();
  options.expect_continue_from = 1;
  const TransferId id = world.add(sending(BodyOwned{"body"}), options);
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn) == "PUT / HTTP/1.0\r\nHost: 192.0.2.1\r\nContent-Length: 4\r\n\r\nbody");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("HTTP/1.0: a body without a length is refused") {
  EngineWorld world;
  Request said = sending(BodyStream{4});
  REQUIRE(said.fields.add("Transfer-Encoding", "chunked"));
  for (const Request& request : {sending(BodyStream{}), said}) {
    const auto id = world.engine.add(request, of_1_0(), world.now);
    REQUIRE_FALSE(id.has_value());
    CHECK(id.error().code == Code::invalid_request);
  }
  CHECK(world.engine.add(sending(BodyStream{4}), of_1_0(), world.now).has_value());
}

}  // namespace sluice
