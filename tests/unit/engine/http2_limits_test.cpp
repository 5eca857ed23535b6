// HTTP/2 through the engine: how many connections are made for many transfers at once, while it is not known how many
// exchanges the server takes on one (RFC 9113 6.5.2).
#include <doctest/doctest.h>

#include <vector>

#include "core/base/limits.hpp"
#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using std::chrono::seconds;

constexpr std::size_t kBeforeSettings = 100;  // so many are opened before the server has said a word

struct CrowdedWorld : Http2World {
  explicit CrowdedWorld(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ids.push_back(add("http://192.0.2.1/", known));
  }
  std::vector<TransferId> ids;
};

}  // namespace

TEST_CASE(
    "http2 limits: as many as one connection may carry wait for its SETTINGS, and all go on it if they allow it") {
  CrowdedWorld world(limits::kMaxStreams);
  CHECK(world.connects.size() == 1);
  const ConnId conn = world.connect(false);
  CHECK(world.requests.size() == kBeforeSettings);
  CHECK(world.connects.size() == 1);
  world.receive(conn, h2::settings());
  world.read(conn);
  CHECK(world.requests.size() == limits::kMaxStreams);
  CHECK(world.connects.size() == 1);
  for (const h2::Frame& request : world.requests) world.receive(conn, Http2World::ok(request.stream, "x"));
  for (const TransferId id : world.ids) CHECK(world.succeeded(id));
}

TEST_CASE("http2 limits: other connections are made once the server has said that it takes fewer") {
  CrowdedWorld world(limits::kMaxStreams);
  const ConnId first = world.connect(false);
  world.receive(first, h2::settings({{h2::kMaxStreams, 128}}));
  world.read(first);
  CHECK(world.requests.size() == 128);
  CHECK(world.connects.size() == 2);  // it will take as many
  const ConnId second = world.connect(false);
  CHECK(world.requests.size() == 128 + kBeforeSettings);
  world.receive(second, h2::settings({{h2::kMaxStreams, 128}}));
  world.read(second);
  CHECK(world.requests.size() == limits::kMaxStreams);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("http2 limits: what no connection can carry is not waited for") {
  CrowdedWorld world(limits::kMaxStreams + 1);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("http2 limits: without pipewait none waits for the connection of another, but one with room is used") {
  Http2World world;
  world.known.pipewait = false;
  for (int i = 0; i < 3; ++i) world.add("http://192.0.2.1/", world.known);
  CHECK(world.connects.size() == 3);
  world.connect();
  CHECK(world.requests.size() == 3);
  world.add("http://192.0.2.1/", world.known);
  CHECK(world.connects.size() == 3);
}

TEST_CASE("http2 limits: nobody waits for the SETTINGS of a connection that takes no more requests") {
  const auto network_changed = [](Http2World& world) {
    world.engine.network_changed(world.now);
    world.drain();
  };
  EngineOptions options;
  bool changes_early = false, changes_late = false;
  SUBCASE("the network has changed") { changes_late = true; }
  SUBCASE("the network has changed while it was made") { changes_early = true; }
  SUBCASE("it may be used once") { options.max_connection_uses = 1; }
  Http2World world(options);
  world.add("http://192.0.2.1/", world.known);
  if (changes_early) network_changed(world);
  world.connect(false);
  if (changes_late) network_changed(world);
  world.add("http://192.0.2.1/", world.known);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("http2 limits: if the connection ends before its SETTINGS, those that waited for them get another one") {
  CrowdedWorld world(kBeforeSettings + 5);
  const ConnId conn = world.connect(false);
  REQUIRE(world.requests.size() == kBeforeSettings);
  world.requests.clear();
  world.eof(conn);
  REQUIRE(world.connects.size() == 2);
  world.connect();
  CHECK(world.failure(world.ids.front()) == Code::connection_closed);
  CHECK(world.requests.size() == world.ids.size() - 1);  // the others are sent again, as on a reused connection
}

TEST_CASE("http2 limits: waiting for SETTINGS is connecting, and ends with its timeout") {
  Http2World world;
  world.known.connect_timeout = seconds(5);
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i <= kBeforeSettings; ++i) ids.push_back(world.add("http://192.0.2.1/", world.known));
  world.pass(seconds(2));
  const ConnId conn = world.connect(false);
  SUBCASE("they do not come") {
    world.pass(seconds(4));
    CHECK_FALSE(world.done(ids.back()));
    world.pass(seconds(1));
    CHECK(world.failure(ids.back()) == Code::connect_timeout);
    CHECK_FALSE(world.done(ids.front()));
  }
  SUBCASE("they come") {
    world.receive(conn, h2::settings({{h2::kMaxStreams, 100}}));
    world.pass(seconds(4));
    REQUIRE(world.connects.size() == 2);
    world.connect();
    world.pass(seconds(10));
    CHECK_FALSE(world.done(ids.back()));
  }
  CHECK(world.engine.counters().transfers_queued == 0);
}

TEST_CASE("http2 limits: over HTTP/1.1 each gets its connection as soon as ALPN has chosen it") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"http/1.1"};
  TlsWorld world(trusting_options(), server);
  for (int i = 0; i < 10; ++i) world.ask();
  const ConnId conn = world.connect();
  CHECK(world.connects.size() == 1);
  world.carry(conn);
  CHECK(world.connects.size() == 10);
}

}  // namespace sluice
