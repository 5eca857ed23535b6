// Bodies over a single Connection: uploads in all their forms, early responses, and backpressure.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/connection_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Request upload_of(RequestBody body) { return with_body("POST", std::move(body), "http://app.test/"); }

}  // namespace

TEST_CASE("connection: streamed uploads, with and without a length, and requests behind them") {
  Alone world;
  const TransferId first = world.add(upload_of(BodyStream{}));
  const TransferId second = world.add(upload_of(BodyStream{.length = 5}));
  CHECK(world.uploads_ready == std::vector{first});
  CHECK(world.connection.upload_space(second).empty());  // not its turn
  CHECK(world.sent().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
  CHECK(world.supply(first, "hello") == 5);
  CHECK(world.sent() == "5\r\nhello\r\n");
  world.connection.finish_upload(first, world.now);
  CHECK(world.sent() == "0\r\n\r\n");
  CHECK_FALSE(world.done(first));
  world.receive(answer("1"));
  CHECK(world.succeeded(first));
  CHECK(world.uploads_ready.back() == second);
  CHECK(world.supply(second, "12345") == 5);
  CHECK(world.sent().ends_with("Content-Length: 5\r\n\r\n12345"));
  world.connection.finish_upload(second, world.now);
  world.receive(answer("2"));
  CHECK(world.succeeded(second));
  CHECK(world.closed == 0);

  const TransferId broken = world.add(upload_of(BodyStream{}));
  world.sent();
  world.connection.fail_upload(broken, "disk on fire", world.now);
  world.drain();
  CHECK(world.error(broken).message() == "POST http://app.test/: disk on fire");
  CHECK(world.closed == 1);
}

TEST_CASE("connection: a long streamed upload is asked for again whenever the wire has taken some of it") {
  Alone world;
  const std::string body(300'000, 'u');
  const TransferId id = world.add(upload_of(BodyStream{.length = body.size()}));
  std::string wire;
  std::size_t given = 0;
  while (given < body.size()) {
    const std::size_t asked = world.uploads_ready.size();
    REQUIRE(asked > 0);
    given += world.supply(id, std::string_view{body}.substr(given));
    CHECK(world.connection.upload_space(id).empty());
    wire += world.sent();
    REQUIRE((given == body.size() || world.uploads_ready.size() > asked));  // said, not merely so
  }
  world.connection.finish_upload(id, world.now);
  wire += world.sent();
  CHECK(wire.ends_with("\r\n\r\n" + body));
  world.receive(answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("connection: Expect: 100-continue waits for a second at most") {
  Alone world;
  Request request = upload_of(BodyOwned{"body"});
  REQUIRE(request.fields.add("Expect", "100-continue").has_value());
  const TransferId id = world.add(std::move(request));
  CHECK(world.sent().ends_with("\r\n\r\n"));
  REQUIRE(world.connection.deadline().has_value());
  CHECK(world.connection.deadline()->why == TimerKind::continue_timeout);
  world.pass(std::chrono::seconds(1));
  CHECK(world.sent() == "body");
  world.receive(answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("connection: an answer in the middle of an upload counts, and ends the connection") {
  Alone world;
  const TransferId id = world.add(upload_of(BodyOwned{std::string(500'000, 'u')}));
  const TransferId next = world.add("http://app.test/next");
  world.sent(SIZE_MAX, 1'000);
  world.receive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  CHECK(world.succeeded(id));
  CHECK(world.connection.head(id).status == 413);
  CHECK(world.bodies[id] == "big");
  CHECK(world.failure(next) == Code::connection_closed);
  CHECK(world.closed == 1);
  CHECK(world.connection.transmit().empty());

  Alone refused;  // the send fails first; what the other end said before is still read
  const TransferId late = refused.add(upload_of(BodyOwned{std::string(500'000, 'u')}));
  refused.sent(SIZE_MAX, 1'000);
  refused.io_error(Code::send_failed, "Broken pipe");
  CHECK_FALSE(refused.done(late));
  CHECK(refused.connection.interest() == Interest{true, false});
  refused.receive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  CHECK(refused.succeeded(late));
  CHECK(refused.closed == 1);
}

TEST_CASE("connection: a body that nobody takes stops the reading, and each byte arrives in the end") {
  Alone world;
  world.consume = false;
  std::string body(400'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  const std::string wire = answer(body);
  const TransferId id = world.add("http://app.test/");
  const TransferId next = world.add("http://app.test/next");
  world.sent();
  std::size_t given = world.receive(wire, 1'500);
  CHECK(given < wire.size());
  CHECK(world.connection.body(id).size() >= limits::kBodyBufferBytes);
  CHECK(world.connection.body(id).size() <= 2 * limits::kBodyBufferBytes);
  CHECK_FALSE(world.connection.interest().read);
  CHECK(world.connection.receive_space().empty());
  while (given < wire.size()) {
    world.take_body(id, 10'000);
    given += world.receive(std::string_view{wire}.substr(given), 7'777);
  }
  CHECK_FALSE(world.done(id));  // received whole, and not consumed
  CHECK(world.sent().starts_with("GET /next"));
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == body);
  world.eof();  // of the next one
  CHECK(world.failure(next) == Code::connection_closed);
}

TEST_CASE("connection: what is received whole may be consumed after the connection is over") {
  Alone world;
  world.consume = false;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.receive(answer("kept", "Connection: close\r\n"));
  CHECK(world.closed == 1);
  CHECK_FALSE(world.done(id));
  CHECK(world.connection.running() == 1);
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "kept");
}

TEST_CASE("connection: BodyReady is not said for what was consumed before it was read") {
  Alone world;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  const std::string wire = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
  std::memcpy(world.connection.receive_space().data(), wire.data(), wire.size());
  world.connection.handle_received(wire.size(), world.now);
  REQUIRE(as_text(world.connection.body(id)) == "abc");
  world.connection.consume_body(id, 3, world.now);
  const auto head = world.connection.poll_output();
  REQUIRE(head.has_value());
  CHECK(std::holds_alternative<output::HeadReady>(*head));
  CHECK_FALSE(world.connection.poll_output().has_value());
}
