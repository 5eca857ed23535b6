// Request bodies: all kinds, edge cases of the application's calls, 100 (Continue), and early responses.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::size_t told(const EngineWorld& world) { return world.uploads_ready.size(); }

Request expecting(RequestBody body) {
  Request request = with_body("PUT", std::move(body));
  REQUIRE(request.fields.add("Expect", "100-continue").has_value());
  return request;
}

std::string body_of(const std::string& wire) { return wire.substr(wire.find("\r\n\r\n") + 4); }

constexpr std::string_view kTooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";

}  // namespace

TEST_CASE("upload: the caller's bytes, viewed or owned, also a few at a time") {
  const std::string bytes(200'000, 'u');
  for (const bool view : {true, false}) {
    for (const std::size_t step : {std::size_t{1'000}, SIZE_MAX}) {
      EngineWorld world;
      RequestBody body = BodyOwned{bytes};
      if (view) body = BodyView{as_bytes(bytes)};
      const TransferId id = world.add(with_body("POST", std::move(body)));
      const ConnId conn = newest(world);
      world.connected(conn);
      std::string wire;
      while (world.engine.interest(conn).write) wire += world.sent(conn, step);
      CHECK(wire.find("Content-Length: 200000\r\n") != std::string::npos);
      CHECK(body_of(wire) == bytes);
      CHECK(told(world) == 0);  // nobody is asked for bytes that are there
      CHECK(world.engine.progress(id).sent_body_bytes == bytes.size());
      CHECK(world.engine.progress(id).sent.has_value());
      world.receive(conn, answer("thanks"));
      CHECK(world.succeeded(id));
      CHECK(world.engine.idle_connections() == 1);
    }
  }
}

TEST_CASE("upload: streamed with a known length; room is told at the start, after room, not at the end") {
  EngineWorld world;
  const std::size_t size = 150'000;
  const TransferId id = world.add(with_body("PUT", BodyStream{.length = size}));
  CHECK(told(world) == 0);
  CHECK(world.engine.upload_space(id).empty());
  const ConnId conn = newest(world);
  world.connected(conn);
  REQUIRE(told(world) == 1);
  CHECK(world.uploads_ready.front() == id);
  std::string given, wire;
  std::string piece(10'000, 'a');
  std::size_t seen = told(world);
  while (given.size() < size) {
    const std::size_t count = supply(world, id, std::string_view{piece}.substr(0, size - given.size()));
    given += piece.substr(0, count);
    piece.front() = static_cast<char>('a' + given.size() % 26);
    if (world.engine.upload_space(id).empty() && given.size() < size) {
      seen = told(world);
      CHECK(supply(world, id, piece) == 0);
      CHECK(told(world) == seen);  // full, and silent
      wire += world.sent(conn, 30'000);
      CHECK(told(world) == seen + 1);  // once, however often it was asked
    }
  }
  seen = told(world);
  CHECK(world.engine.upload_space(id).empty());
  wire += world.sent(conn);
  world.engine.finish_upload(id, world.now);  // said twice over: the declared length was the end
  world.drain();
  CHECK(told(world) == seen);
  CHECK(body_of(wire) == given);
  CHECK(wire.find("Content-Length: 150000\r\n") != std::string::npos);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("upload: streamed with unknown length goes in chunks that say what was given") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{}));
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn).find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK_FALSE(world.engine.interest(conn).write);
  CHECK(supply(world, id, "hello") == 5);
  CHECK(world.engine.interest(conn).write);
  CHECK(world.changed.back() == conn);
  CHECK(world.sent(conn, 4) == "5\r\nh");
  CHECK(supply(world, id, "world") == 5);
  CHECK(world.sent(conn) == "ello\r\n5\r\nworld\r\n");
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.engine.finish_upload(id, world.now);
  world.drain();
  CHECK(world.engine.upload_space(id).empty());
  CHECK(world.sent(conn) == "0\r\n\r\n");
  CHECK(world.engine.progress(id).sent.has_value());
  CHECK(world.engine.progress(id).sent_body_bytes == 10);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("upload: finished before there is a connection: an empty body; short of its length: an error") {
  EngineWorld world;
  const TransferId empty = world.add(with_body("POST", BodyStream{}));
  world.engine.finish_upload(empty, world.now);
  world.drain();
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(told(world) == 0);
  CHECK(world.sent(conn).ends_with("\r\n\r\n0\r\n\r\n"));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(empty));

  const TransferId nothing = world.add(with_body("POST", BodyStream{.length = 0}));
  CHECK(world.sent(conn).find("Content-Length: 0\r\n") != std::string::npos);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(nothing));
  CHECK(told(world) == 0);

  const TransferId early = world.add(with_body("POST", BodyStream{.length = 5}, "http://192.0.2.2/"));
  world.engine.finish_upload(early, world.now);
  world.drain();
  CHECK(world.failure(early) == Code::upload_failed);

  const TransferId brief = world.add(with_body("POST", BodyStream{.length = 5}));
  supply(world, brief, "abcd");
  world.engine.finish_upload(brief, world.now);
  world.drain();
  CHECK(world.failure(brief) == Code::upload_failed);
  CHECK(world.results.at(brief).error().message().find("4 of 5") != std::string::npos);
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("upload: a source that breaks is told by its own words, and the peer never sees an end") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{}));
  const ConnId conn = go(world);
  supply(world, id, "half");
  world.engine.fail_upload(id, "read notes.txt: Input/output error", world.now);
  world.drain();
  CHECK(world.failure(id) == Code::upload_failed);
  CHECK(world.results.at(id).error().message().find("notes.txt") != std::string::npos);
  CHECK(world.sent(conn).find("0\r\n\r\n") == std::string::npos);
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("upload: a 413 in the middle is the answer; the rest is not sent and the connection not used again") {
  for (const bool streamed : {false, true}) {
    CAPTURE(streamed);
    EngineWorld world;
    const std::string bytes(300'000, 'u');
    RequestBody body = BodyOwned{bytes};
    if (streamed) body = BodyStream{};
    const TransferId id = world.add(with_body("POST", std::move(body)));
    const ConnId conn = newest(world);
    world.connected(conn);
    if (streamed) supply(world, id, bytes);
    world.sent(conn, 10'000);
    CHECK(world.engine.interest(conn).write);
    world.receive(conn, kTooLarge.substr(0, kTooLarge.size() - 1));
    CHECK(world.engine.head(id).status == 413);
    CHECK_FALSE(world.engine.interest(conn).write);
    if (streamed) supply(world, id, "of no use any more");
    CHECK(world.sent(conn).empty());
    world.receive(conn, "o");
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == "no");
    CHECK(closes_of(world, conn) == 1);
    check_nothing_left(world);
  }
}

TEST_CASE("upload: facts about a body whose answer is whole already change nothing") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add(with_body("POST", BodyStream{.length = 1'000}));
  const ConnId conn = go(world);
  supply(world, id, "begun");
  world.receive(conn, kTooLarge);
  CHECK_FALSE(world.done(id));  // "no" waits to be consumed
  CHECK(world.engine.upload_space(id).empty());
  world.engine.commit_upload(id, 0, world.now);
  world.engine.finish_upload(id, world.now);
  world.engine.fail_upload(id, "gave up", world.now);
  world.drain();
  CHECK_FALSE(world.done(id));
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "no");
  world.engine.finish_upload(id, world.now);
  world.drain();
}

TEST_CASE("upload: a send error behind a 413 that is on its way: the answer is still read") {
  EngineWorld world;
  const std::string bytes(300'000, 'u');
  const TransferId id = world.add(with_body("POST", BodyView{as_bytes(bytes)}));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn, 100'000);
  world.io_error(conn, Code::send_failed, "Broken pipe");
  CHECK_FALSE(world.done(id));
  CHECK(world.engine.interest(conn) == Interest{true, false});
  CHECK(world.engine.transmit(conn).empty());
  world.receive(conn, kTooLarge);
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 413);
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("upload: a send error with no answer behind it is told as what it was") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{std::string(1000, 'u')}));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn, 500);
  world.io_error(conn, Code::send_failed, "send: Broken pipe");
  world.io_error(conn, Code::receive_failed, "recv: Connection reset by peer");
  CHECK(world.failure(id) == Code::send_failed);
  CHECK(world.results.at(id).error().message().find("Broken pipe") != std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("upload: Expect waits for a 100, then sends") {
  EngineWorld world;
  const TransferId id = world.add(expecting(BodyOwned{"payload"}));
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn).ends_with("\r\n\r\n"));
  CHECK(world.engine.deadline()->why == TimerKind::continue_timeout);
  world.receive(conn, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  CHECK(world.interims == std::vector<int>{102, 100});
  CHECK(world.engine.head(id).status == 0);  // no final one yet
  CHECK_FALSE(world.engine.deadline().has_value());
  CHECK(world.engine.interest(conn).write);
  CHECK(world.sent(conn) == "payload");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("upload: Expect does not wait for ever") {
  EngineWorld world;
  const TransferId id = world.add(expecting(BodyStream{}));
  const ConnId conn = go(world);
  supply(world, id, "early");
  world.pass(999ms);
  CHECK_FALSE(world.engine.interest(conn).write);
  world.pass(1ms);
  CHECK(world.engine.interest(conn).write);
  CHECK(world.changed.back() == conn);
  CHECK(world.sent(conn) == "5\r\nearly\r\n");
  world.receive(conn, "HTTP/1.1 100 Continue\r\n\r\n");  // late, and harmless
  world.engine.finish_upload(id, world.now);
  world.drain();
  CHECK(world.sent(conn) == "0\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("SB-61 Expect answered 417 or 200 with the body unsent: the answer counts, the connection does not") {
  for (const std::string_view status : {"417 Expectation Failed", "200 OK", "401 Unauthorized"}) {
    CAPTURE(status);
    EngineWorld world;
    const TransferId id = world.add(expecting(BodyOwned{"payload"}));
    const ConnId conn = go(world);
    world.receive(conn, "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n");
    CHECK(world.succeeded(id));
    CHECK(world.sent(conn).find("payload") == std::string::npos);
    CHECK(closes_of(world, conn) == 1);
    const TransferId next = world.add("http://192.0.2.1/");
    CHECK(world.connects.size() == 2);
    CHECK_FALSE(world.done(next));
  }
}

TEST_CASE("upload: an answer before the request was sent whole, and the connection ends with it") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{std::string(100'000, 'u')}));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn, 50'000);
  world.receive(conn, "HTTP/1.1 500 Oops\r\n\r\nto the end");
  CHECK_FALSE(world.done(id));
  world.eof(conn);
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "to the end");
  check_nothing_left(world);
}

TEST_CASE("upload: room that was told of and has gone meanwhile is told of no more") {
  const std::string bytes(100'000, 'u');
  for (const bool all : {true, false}) {
    CAPTURE(all);
    EngineWorld world;
    const TransferId id = world.add(with_body("POST", BodyStream{}));
    world.engine.handle_connected(newest(world), world.now);
    // Before it looks at what it is told the application supplies all there is, or as much as there is room for.
    const std::string_view some = std::string_view(bytes).substr(0, all ? 10 : bytes.size());
    while (const std::size_t count = std::min(world.engine.upload_space(id).size(), some.size())) {
      std::memcpy(world.engine.upload_space(id).data(), some.data(), count);
      world.engine.commit_upload(id, count, world.now);
      if (all) break;
    }
    if (all) world.engine.finish_upload(id, world.now);
    world.drain();
    CHECK(told(world) == 0);
    world.sent(newest(world));
    CHECK(told(world) == (all ? 0 : 1));
  }
}
