// Priorities of transfers (RFC 9218): the field, and changes while the transfer runs.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;

constexpr std::uint8_t kPriorityUpdate = 0x10;

TransferOptions with_priority(TransferOptions options, Priority priority) {
  options.priority = priority;
  return options;
}

// The value of the only PRIORITY_UPDATE among the frames, for this stream; "": there is none.
std::string update_of(const std::vector<h2::Frame>& frames, std::uint32_t stream) {
  std::string value;
  for (const h2::Frame& frame : frames) {
    if (frame.type != kPriorityUpdate) continue;
    CHECK(value.empty());
    CHECK(frame.stream == 0);
    CHECK(frame.number_at(0) == stream);
    value = frame.payload.substr(4);
  }
  return value;
}

bool has_line(const std::string& text, std::string_view line) { return text.find(line) != std::string::npos; }

}  // namespace

TEST_CASE("priority: its field is sent in every version, if the option is set and the request has none of its own") {
  CHECK(priority_field({}) == "u=3");
  CHECK(priority_field({.urgency = 0, .incremental = true}) == "u=0, i");
  CHECK(priority_field({.urgency = 200}) == "u=7");
  EngineWorld world;
  world.add("http://192.0.2.1/", with_priority({}, {.urgency = 1, .incremental = true}));
  world.connected(newest(world));
  CHECK(has_line(world.sent(newest(world)), "\r\nPriority: u=1, i\r\n"));
  Request own = EngineWorld::get("http://192.0.2.2/");
  REQUIRE(own.fields.add("priority", "u=6"));
  world.add(std::move(own), with_priority({}, {.urgency = 1}));
  world.connected(newest(world));
  const std::string sent = world.sent(newest(world));
  CHECK(has_line(sent, "priority: u=6\r\n"));
  CHECK_FALSE(has_line(sent, "u=1"));
  world.add("http://192.0.2.3/");
  world.connected(newest(world));
  CHECK_FALSE(has_line(world.sent(newest(world)), "riority"));
  Http2World http2;
  http2.add("http://192.0.2.1/", with_priority(http2.known, {}));
  http2.connect();
  REQUIRE(http2.requests.size() == 1);
  CHECK(has_line(http2.requests[0].fields, "priority: u=3\n"));
}

TEST_CASE("priority: an urgency above 7 is refused by add()") {
  EngineWorld world;
  const auto added =
      world.engine.add(EngineWorld::get("http://192.0.2.1/"), with_priority({}, {.urgency = 8}), world.now);
  REQUIRE_FALSE(added);
  CHECK(added.error().code == Code::invalid_option);
}

TEST_CASE("priority: changed before the request is sent, it is in the field; after that the server gets an update") {
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/", world.known);
  world.engine.set_priority(id, {.urgency = 5}, world.now);
  const ConnId conn = world.connect();
  REQUIRE(world.requests.size() == 1);
  CHECK(has_line(world.requests[0].fields, "priority: u=5\n"));
  world.engine.set_priority(id, {.urgency = 9, .incremental = true}, world.now);
  world.drain();
  CHECK(update_of(world.read(conn), 1) == "u=7, i");
  world.receive(conn, Http2World::ok(1, "x"));
  REQUIRE(world.succeeded(id));
  world.engine.set_priority(id, {}, world.now);
  world.engine.set_priority({}, {}, world.now);
  world.drain();
  CHECK(world.read(conn).empty());
}

TEST_CASE("priority: a request that is sent again has the newest; a field of the application's own stays") {
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/", with_priority(world.known, {.urgency = 1}));
  Request request = EngineWorld::get("http://192.0.2.1/own");
  REQUIRE(request.fields.add("Priority", "u=2"));
  const TransferId own = world.add(std::move(request), world.known);
  const ConnId conn = world.connect();
  world.engine.set_priority(id, {.urgency = 6}, world.now);
  world.drain();
  CHECK(update_of(world.read(conn), 1) == "u=6");
  world.engine.set_priority(own, {.urgency = 7}, world.now);
  world.drain();
  CHECK(update_of(world.read(conn), 3) == "u=7");
  world.receive(conn, h2::reset(1, 7) + h2::reset(3, 7));
  world.read(conn);
  REQUIRE(world.requests.size() == 4);
  for (std::size_t i = 2; i < 4; ++i) {
    const bool is_own = has_line(world.requests[i].fields, ":path: /own\n");
    CHECK(has_line(world.requests[i].fields, is_own ? "priority: u=2\n" : "priority: u=6\n"));
  }
}

TEST_CASE("priority: changed while the rest of a redirect comes, it is in the next request") {
  Http2World world;
  TransferOptions options = with_priority(world.known, {.urgency = 2});
  options.redirects = RedirectOptions{};
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = world.connect();
  world.receive(conn, h2::settings() + h2::headers(1, {{":status", "307"}, {"location", "/there"}}) + h2::data(1, "a"));
  world.engine.set_priority(id, {.urgency = 6}, world.now);
  world.drain();
  world.receive(conn, h2::data(1, "b", h2::kEndStream));
  world.read(conn);
  REQUIRE(world.requests.size() == 2);
  CHECK(has_line(world.requests[1].fields, "priority: u=6\n"));
}

TEST_CASE("priority: over HTTP/1 a change while the request runs sends nothing") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn);
  world.engine.set_priority(id, {.urgency = 6}, world.now);
  world.drain();
  CHECK(world.sent(conn).empty());
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

}  // namespace sluice
