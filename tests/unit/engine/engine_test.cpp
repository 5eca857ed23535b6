// The engine's normal operation: one transfer from name to Done, reuse, and the guarantees for every transfer.
#include "core/engine.hpp"

#include <doctest/doctest.h>

#include "tests/support/engine_world.hpp"

using namespace sluice;
using sluice::test::EngineWorld;

TEST_CASE("engine: a GET by name goes resolve, connect, send, receive, Done") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/x?y");
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "example.org");
  CHECK(world.connects.empty());
  world.resolved("192.0.2.7");
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].address.to_string() == "192.0.2.7:80");
  const ConnId conn = world.connects[0].conn;
  CHECK(world.engine.interest(conn) == Interest{});
  world.connected(conn);
  CHECK(world.engine.interest(conn) == Interest{true, true});
  CHECK(world.sent(conn) == "GET /x?y HTTP/1.1\r\nHost: example.org\r\n\r\n");
  CHECK(world.engine.interest(conn) == Interest{true, false});
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello");
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "hello");
  CHECK(world.engine.head(id).status == 200);
  CHECK(world.engine.head(id).fields.find("x") == "y");
  CHECK(world.engine.running() == 0);
  CHECK(world.engine.connections() == 1);
  CHECK(world.engine.idle_connections() == 1);
  CHECK(world.closes.empty());
}

TEST_CASE("engine: a connection is used again, and not before its response is whole") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/a");
  const ConnId conn = world.connects.at(0).conn;
  world.connected(conn);
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  const TransferId second = world.add("http://192.0.2.1/b");
  CHECK(world.connects.size() == 2);  // the first is busy
  world.receive(conn, "a");
  CHECK(world.succeeded(first));
  // The one that waited takes the connection that is free first; its own goes on for whoever comes.
  CHECK(world.sent(conn).starts_with("GET /b "));
  world.receive(conn, "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(world.succeeded(second));
  CHECK(world.engine.info(second).reused);
  world.connected(world.connects.at(1).conn);
  CHECK(world.engine.idle_connections() == 2);
}

TEST_CASE("engine: a body that is not consumed stops reading and holds back Done") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = world.connects.at(0).conn;
  world.connected(conn);
  world.sent(conn);
  const std::string body(100'000, 'x');
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body);
  CHECK(world.engine.body(id).size() == body.size());
  CHECK_FALSE(world.engine.interest(conn).read);
  CHECK(world.engine.receive_space(conn).empty());
  world.engine.consume_body(id, 60'000, world.now);
  world.drain();
  CHECK(world.engine.interest(conn).read);
  CHECK(world.changed.back() == conn);
  const std::size_t taken = world.receive(conn, body);
  CHECK(taken < body.size());
  CHECK(world.engine.body(id).size() <= 64 * 1024);
  while (!world.done(id) && !world.engine.body(id).empty()) {
    world.take_body(id);
    world.drain();
    static std::size_t given = taken;
    given += world.receive(conn, std::string_view{body}.substr(given));
  }
  CHECK(world.succeeded(id));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("engine: a transfer whose TLS handshake failed still knows what it was connected to, and when") {
  EngineWorld world;
  TlsOptions tls;
  tls.verify_peer = false;
  TransferOptions options;
  auto config = TlsConfig::create(tls);
  REQUIRE(config.has_value());
  options.tls = *config;
  const TransferId id = world.add("https://example.org/", options);
  world.resolved("192.0.2.7");
  CHECK(world.engine.info(id).address.to_string() != "192.0.2.7:443");
  world.now.steady += std::chrono::milliseconds(5);
  world.connected(world.connects.at(0).conn);
  world.receive(world.connects.at(0).conn, "HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(world.failure(id) == Code::tls_handshake);
  CHECK(world.engine.info(id).address.to_string() == "192.0.2.7:443");
  CHECK(world.engine.progress(id).connected == world.now.steady);
  CHECK_FALSE(world.engine.progress(id).secured.has_value());
}

TEST_CASE("engine: addresses are remembered for a minute, and of the 256 origins left last") {
  EngineWorld world;
  const auto ask = [&](const std::string& host) {  // answers whether the name had to be resolved
    const TransferId id = world.add("http://" + host + "/");
    const bool asked = !world.resolves.empty();
    if (asked) world.resolved("192.0.2.7");
    world.remove(id);
    return asked;
  };
  CHECK(ask("first.example"));
  CHECK_FALSE(ask("first.example"));
  world.pass(std::chrono::seconds(59));
  CHECK_FALSE(ask("first.example"));
  world.pass(std::chrono::seconds(1));
  CHECK(ask("first.example"));
  for (int i = 0; i < 255; ++i) REQUIRE(ask("h" + std::to_string(i) + ".example"));
  CHECK_FALSE(ask("first.example"));  // one of 256, and now the last one left
  CHECK(ask("one-more.example"));
  CHECK(ask("h0.example"));  // the oldest had to go
  CHECK_FALSE(ask("first.example"));
}
