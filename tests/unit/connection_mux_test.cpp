// A single Connection whose session carries many exchanges at once: which are sent when there is room, which wait, and
// what is retried on the same stream.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/engine/parts.hpp"
#include "tests/support/connection_world.hpp"
#include "tests/support/mux_session.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct MuxLine : Alone {
  explicit MuxLine(std::size_t capacity)
      : Alone(ConnectionParts::make(alone_options(), std::make_unique<MuxFactory>(capacity, capacity, &sessions))) {}

  TransferId ask(int number) {
    const TransferId id = add("http://app.test/" + std::to_string(number));
    far.take(sent());
    return id;
  }
  http::StreamId stream(std::string_view line) const { return far.stream_of(line); }

  std::vector<MuxSession*> sessions;
  MuxFarEnd far;
};

}  // namespace

TEST_CASE("connection: where the session has room requests go side by side, and the others wait in line") {
  MuxLine line(2);
  const TransferId first = line.ask(1), second = line.ask(2), third = line.ask(3);
  CHECK(line.far.asked.size() == 2);
  line.receive(mux_answer(line.stream("GET /2"), "two"));
  CHECK(line.succeeded(second));
  line.far.take(line.sent());
  CHECK(line.far.asked.size() == 3);
  line.receive(mux_answer(line.stream("GET /3"), "three") + mux_answer(line.stream("GET /1"), "one"));
  CHECK(line.order == std::vector{second, third, first});
  CHECK(line.bodies[first] == "one");
  CHECK(line.bodies[third] == "three");
  CHECK(line.closed == 0);
  line.close();
  CHECK(line.closed == 1);
}

TEST_CASE("connection: cancelling one of several requests leaves its neighbours where they are") {
  MuxLine line(10);
  const TransferId first = line.ask(1), second = line.ask(2);
  line.remove(first);
  CHECK(line.failure(first) == Code::canceled);
  CHECK(line.closed == 0);
  line.receive(mux_answer(line.stream("GET /2"), "two"));
  CHECK(line.succeeded(second));
}

TEST_CASE("connection: what would be sent again elsewhere ends where there is nowhere else") {
  MuxLine line(10);
  line.ask(1);
  line.receive(mux_answer(line.stream("GET /1"), "one"));
  const TransferId id = line.ask(2);
  line.receive(mux_frame('H', line.stream("GET /2"), "408"));
  CHECK(line.failure(id) == Code::connection_closed);
  CHECK(line.error(id).message() == "GET http://app.test/2: the line: there is no other connection to send it on");
  CHECK(line.closed == 0);
}

TEST_CASE("connection: without memory for a session its request is lost, and the connection") {
  struct NoMemory final : http::SessionFactory {
    std::unique_ptr<http::Session> make(std::string_view) override { return nullptr; }
    std::size_t expected_exchanges(bool, http::Protocol) const override { return 1; }
  };
  for (const char* origin : {"http://app.test/", "https://example.org/"}) {
    CAPTURE(origin);
    Alone world(ConnectionParts::make(alone_options(origin), std::make_unique<NoMemory>()));
    const TransferId id = world.add(origin);
    world.carry();
    CHECK(world.failure(id) == Code::out_of_memory);
    CHECK(world.closed == 1);
    CHECK_FALSE(world.connection.deadline().has_value());
  }
}

TEST_CASE("connection: a request that the peer refused goes out again, its stream from the start") {
  MuxLine line(10);
  Request request = with_body("PUT", BodyStream{.length = 4, .rewindable = true}, "http://app.test/put");
  const TransferId id = line.add(std::move(request));
  CHECK(line.supply(id, "ab") == 2);
  line.far.take(line.sent());
  const http::StreamId refused = line.stream("PUT /put");
  line.receive(mux_frame('X', refused));
  CHECK(line.rewinds == std::vector{id});
  CHECK_FALSE(line.done(id));
  line.far.take(line.sent());
  line.far.asked.erase(refused);
  line.connection.rewind_upload(id, line.now);
  CHECK(line.supply(id, "wxyz") == 4);
  line.connection.finish_upload(id, line.now);
  line.far.take(line.sent());
  CHECK(line.far.asked.at(line.stream("PUT /put")).body == "wxyz");
  line.receive(mux_answer(line.stream("PUT /put"), "done"));
  CHECK(line.succeeded(id));
  CHECK(line.connection.info(id).retries == 1);
}
