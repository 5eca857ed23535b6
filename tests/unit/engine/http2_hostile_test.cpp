// HTTP/2 through the engine: a server that sends without end, or takes nothing. Frames:
// tests/unit/http2/hostile_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using std::chrono::seconds;

// Begins and cancels requests on the connection, which takes nothing, until one has to wait; that one.
TransferId fill_output(Http2World& world, ConnId conn) {
  constexpr std::size_t kValueBytes = 10'000;
  const std::size_t most = 2 * limits::kMaxUnsentBytes / kValueBytes;
  for (std::size_t i = 0; i < most; ++i) {
    Request request = EngineWorld::get("http://192.0.2.1/large");
    REQUIRE(request.fields.add("X-Large", std::string(kValueBytes, 'x')));
    const TransferId id = world.add(std::move(request), world.known);
    if (world.engine.info(id).conn != conn) return id;
    world.engine.cancel(id, world.now);
    world.drain();
  }
  FAIL("more is sent than the limit says");
  return {};
}

}  // namespace

TEST_CASE("SB-19 http2 hostile server: interim responses without end end their transfer, and no other") {
  const std::string progress = h2::headers(1, {{":status", "102"}, {"x-progress", "1"}});
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/a", world.known);
  const TransferId other = world.add("http://192.0.2.1/b", world.known);
  const ConnId conn = world.connect();
  std::size_t count = 0;
  for (; !world.done(id) && count < 100'000; ++count) {
    world.receive(conn, progress);
    world.read(conn);
  }
  CHECK(world.failure(id) == Code::response_too_large);
  CHECK(count > limits::kMaxInterimBytes / 100);
  CHECK(count < limits::kMaxInterimBytes / 10);
  CHECK(world.interims.size() == count);
  // What is on its way still comes.
  for (std::size_t i = 0; i < limits::kIdleFramesPerAbort; ++i) world.receive(conn, progress);
  world.receive(conn, Http2World::ok(3, "b"));
  CHECK(world.succeeded(other));
  CHECK(closes_of(world, conn) == 0);

  // One every second for ten hours: more bytes in all, and no harm.
  const TransferId slow = world.add("http://192.0.2.1/slow", world.known);
  world.read(conn);
  for (int second = 0; second < 36'000 && !world.done(slow); ++second) {
    world.now.steady += seconds(1);
    world.receive(conn, h2::headers(5, {{":status", "102"}, {"x-progress", "1"}}));
  }
  world.receive(conn, Http2World::ok(5, "x"));
  CHECK(world.succeeded(slow));
}

TEST_CASE("SB-65 http2 hostile server: one that takes nothing gets no more requests; they wait, or go elsewhere") {
  for (const std::size_t most : {1U, 2U}) {
    EngineOptions options;
    options.max_connections_per_origin = most;
    Http2World world(options);
    const TransferId kept = world.add("http://192.0.2.1/kept", world.known);
    const ConnId conn = world.connect();
    const TransferId waits = fill_output(world, conn);
    CHECK(world.connects.size() == most);
    CHECK_FALSE(world.done(waits));
    // It takes all of it: there is room again, whatever else happens.
    world.requests.clear();
    world.read(conn);
    world.read(conn);
    REQUIRE_FALSE(world.requests.empty());
    CHECK(world.engine.info(waits).conn == conn);
    world.receive(conn, Http2World::ok(world.requests.back().stream, "x") + Http2World::ok(1, "kept"));
    CHECK(world.succeeded(waits));
    CHECK(world.succeeded(kept));
    CHECK(closes_of(world, conn) == 0);
  }
}

TEST_CASE("SB-65 http2 hostile server: a connection that has taken nothing of what was given up is closed") {
  Http2World world;
  world.add("http://192.0.2.1/", world.known);
  const ConnId conn = world.connect();
  world.receive(conn, Http2World::ok(1, "x"));
  REQUIRE(world.engine.idle_connections() == 1);
  fill_output(world, conn);
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.connects.size() == 2);
}

}  // namespace sluice
