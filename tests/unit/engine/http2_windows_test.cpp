// HTTP/2 through the engine: its time reaches the session, so that windows grow with the connection's speed. When they
// do, and how far: tests/unit/http2/window_growth_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using std::chrono::milliseconds;

// A body that comes at this speed while a PING is answered after 10 ms: by how much more than was received its window
// was opened, at most.
std::int64_t growth_at(milliseconds per_frame) {
  const std::string part(16'384, 'x');
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/", world.known);
  const ConnId conn = world.connect();
  world.receive(conn, h2::frame(h2::kSettings, h2::kAck, 0, "") + h2::headers(1, {{":status", "200"}}));
  std::int64_t opened = 0, received = 0, most = 0;
  Instant answer_at{};
  std::string ping;
  for (int i = 0; i < 200; ++i) {
    world.pass(per_frame);
    if (!ping.empty() && world.now.steady >= answer_at)
      world.receive(conn, h2::ping(std::exchange(ping, {}), h2::kAck));
    REQUIRE(world.receive(conn, h2::data(1, part)) == part.size() + 9);
    received += static_cast<std::int64_t>(part.size());
    for (const h2::Frame& frame : world.read(conn)) {
      if (frame.type == h2::kWindowUpdate && frame.stream == 1) opened += frame.number_at(0);
      if (frame.type != h2::kPing) continue;
      ping = frame.payload;
      answer_at = world.now.steady + milliseconds(10);
    }
    most = std::max(most, opened - received);
  }
  CHECK_FALSE(world.done(id));
  return most;
}

}  // namespace

TEST_CASE("http2 engine: a window grows while it limits the speed, and a body that comes slowly does not need that") {
  CHECK(growth_at(milliseconds(10)) == 0);
  CHECK(growth_at(milliseconds(1)) > 256 * 1024);
}

}  // namespace sluice
