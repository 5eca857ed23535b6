// Edge cases of a single connection: its deadline, a closing message sent in pieces, requests to another zone, times
// and errors.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/connection_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

TEST_CASE("connection: one that may idle for ever has no deadline, and stays") {
  Alone world;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.receive(answer("x"));
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.connection.deadline().has_value());
  world.pass(std::chrono::hours(24));
  CHECK(world.closed == 0);
  const TransferId later = world.add("http://app.test/");
  world.sent();
  world.receive(answer("y"));
  CHECK(world.succeeded(later));
}

TEST_CASE("connection: the zone of an address is part of its origin") {
  Alone world(alone_options("http://[fe80::1%25eth0]/"));
  CHECK(world.connection.add(EngineWorld::get("http://[fe80::1%25eth1]/"), {}, world.now).error().code ==
        Code::invalid_request);
  CHECK(world.connection.add(EngineWorld::get("http://[fe80::1%25eth0]/"), {}, world.now).has_value());
}

TEST_CASE("connection: over TLS, a goodbye that the stream takes in pieces goes out whole") {
  Alone world("https://example.org/");
  world.add("https://example.org/");
  world.carry();
  world.say(answer("x"));
  world.close();
  REQUIRE(world.closed == 1);
  std::string goodbye;
  while (!world.connection.transmit().empty()) {
    REQUIRE(goodbye.size() < 1'000);
    goodbye += static_cast<char>(world.connection.transmit().spans[0].front());
    world.connection.handle_sent(1, world.now);
  }
  CHECK(goodbye.size() > 5);
  world.server().feed(as_bytes(goodbye));
  CHECK(world.server().peer_closed());
}

TEST_CASE("connection: an idle timeout of a request's own ends with its last byte") {
  Alone world;
  TransferOptions options;
  options.idle_timeout = 5s;
  const TransferId id = world.add("http://app.test/", options);
  world.sent();
  world.receive(answer("x"));
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.connection.deadline().has_value());
  world.pass(60s);
  CHECK(world.closed == 0);
}
