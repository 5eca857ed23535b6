// PINGs to a proxy that speaks HTTP/2, for the tunnels through it (EngineOptions::http2_ping_interval): a dead one is
// noticed, and its tunnel is never used again. Those to an origin: http2_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/proxied_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using namespace std::chrono_literals;

EngineOptions pinging() {
  EngineOptions options;
  options.http2_ping_interval = 10s;
  return options;
}

struct PingedWorld : ProxiedWorld {
  explicit PingedWorld(EngineOptions options = pinging()) : ProxiedWorld({"h2", "http/1.1"}, std::move(options)) {}
  // A tunnel that has carried one response is idle.
  void visit(std::string alpn = "http/1.1") {
    const TransferId id = ask();
    meet();
    open_tunnel(1, {alpn});
    const std::string told = alpn == "h2" ? h2::settings() + reply(1, "200") : answer("x");
    REQUIRE(origin->write(as_bytes(told)));
    carry_tunnel(1);
    REQUIRE(succeeded(id));
    REQUIRE(engine.idle_connections() == 1);
  }
  void pass_until_ping() {
    for (int i = 0; i < 4 && pings.empty(); ++i) {
      pass(10s);
      say({});
    }
    REQUIRE(pings.size() == 1);
  }
};

}  // namespace

TEST_CASE("tunnel pings: a proxy that answers keeps its idle tunnel, and one that does not loses it") {
  for (const bool answers : {true, false}) {
    PingedWorld world;
    world.visit();
    world.pass_until_ping();
    CHECK(closes_of(world, world.conn) == 0);
    if (answers) world.say(h2::ping(world.pings[0].payload, h2::kAck));
    world.pass(10s);
    CHECK(closes_of(world, world.conn) == (answers ? 0 : 1));
    world.ask();
    CHECK(world.connects.size() == (answers ? 1 : 2));
    if (!answers) continue;
    world.say({});
    world.pings.clear();
    world.pass(10s);
    world.say({});
    CHECK(world.pings.size() == 1);  // and so on
  }
}

TEST_CASE("tunnel pings: a transfer in the tunnel of a dead proxy fails with the error of a dead connection") {
  PingedWorld world;
  const TransferId id = world.ask();
  world.meet();
  world.open_tunnel(1);
  world.pass_until_ping();
  CHECK_FALSE(world.done(id));
  world.pass(10s);
  CHECK(world.failure(id) == Code::http2_error);
  CHECK(world.results.at(id).error().blame == Blame::peer);
  CHECK(world.results.at(id).error().message().ends_with("HTTP/2: the peer does not answer a PING"));
  CHECK(closes_of(world, world.conn) == 1);
}

TEST_CASE("tunnel pings: any byte from the proxy puts them off") {
  PingedWorld world;
  world.ask();
  world.meet();
  world.open_tunnel(1);
  for (int i = 0; i < 5; ++i) {
    world.pass(9s);
    world.say(h2::ping());
  }
  CHECK(world.pings.empty());
}

TEST_CASE("tunnel pings: HTTP/2 in the tunnel has its own, and each end is asked for itself") {
  PingedWorld world;
  world.visit("h2");
  world.pass_until_ping();
  world.say(h2::ping(world.pings[0].payload, h2::kAck));
  CHECK(closes_of(world, world.conn) == 0);
  // The proxy answers, and the origin does not.
  for (int i = 0; i < 4 && closes_of(world, world.conn) == 0; ++i) {
    world.pass(10s);
    world.pings.clear();
    world.say({});
    for (const h2::Frame& ping : world.pings) world.say(h2::ping(ping.payload, h2::kAck));
  }
  CHECK(closes_of(world, world.conn) == 1);
}

TEST_CASE("tunnel pings: none without the option, and no timer") {
  PingedWorld world((EngineOptions()));
  world.visit();
  CHECK(world.engine.deadline()->why == TimerKind::connection_expiry);
  world.pass(40s);
  world.say({});
  CHECK(world.pings.empty());
  CHECK(closes_of(world, world.conn) == 0);
}

TEST_CASE("tunnel pings: while the wire takes an upload slowly, silence is no death; if it takes nothing, it is") {
  for (const bool stuck : {false, true}) {
    PingedWorld world;
    Request upload("POST", Url::parse("https://example.org/").value());
    upload.body = BodyOwned(std::string(60'000, 'u'));
    const TransferId id = world.add(std::move(upload), world.options);
    world.meet();
    world.context_of_origin.emplace(make_context(speaks({"http/1.1"})));
    world.origin.emplace(*world.context_of_origin);
    world.say(h2::settings() + h2::headers(1, {{":status", "200"}}) + h2::window_update(1, 1'000'000) +
              h2::window_update(0, 1'000'000));
    while (!world.origin->handshake_done()) {
      world.to_server(world.conn, 600);
      world.read();
      std::string bytes(as_text(Bytes(world.origin->output())));
      world.origin->output().clear();
      if (!bytes.empty()) REQUIRE(world.server(world.conn).write(as_bytes(h2::data(1, bytes))));
      world.to_client(world.conn);
    }
    for (int i = 0; i < 6; ++i) {
      world.pass(10s);
      if (!stuck) world.to_server(world.conn, 1'000);
    }
    CHECK(world.done(id) == stuck);
    if (stuck) CHECK(world.failure(id) == Code::http2_error);
  }
}

}  // namespace sluice
