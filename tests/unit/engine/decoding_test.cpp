// Bodies whose content codings are undone, through the whole engine: what is asked for, what the application gets and
// when, limits, faults, and that a body waits coded until it is consumed.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/coded.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/mux_world.hpp"
#include "tests/support/pattern.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

TransferOptions decoding(DecodingOptions how = {}) {
  TransferOptions options;
  options.decoding = how;
  return options;
}

// The newest connection, with the head that it has sent.
std::string asked(EngineWorld& world, TransferOptions options,
                  Request request = EngineWorld::get("http://192.0.2.1/")) {
  world.add(std::move(request), std::move(options));
  world.connected(newest(world));
  return world.sent(newest(world));
}

constexpr std::string_view kGzip = "Content-Encoding: gzip\r\n";

// Consumes all that waits, and returns it.
std::string take_all(EngineWorld& world, TransferId id) {
  std::string all;
  while (!world.engine.body(id).empty()) {
    const Bytes piece = world.engine.body(id);
    all += as_text(piece);
    world.engine.consume_body(id, piece.size(), world.now);
    world.drain();
  }
  return all;
}

}  // namespace

TEST_CASE(
    "decoding: a request says what can be decoded, where its options ask for that and it does not say so itself") {
  EngineWorld world;
  CHECK(asked(world, {}).find("Accept-Encoding") == std::string::npos);
  CHECK(asked(world, decoding()).find("\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n") != std::string::npos);
  Request request = EngineWorld::get("http://192.0.2.1/");
  REQUIRE(request.fields.add("accept-encoding", "gzip;q=0"));
  const std::string own = asked(world, decoding(), std::move(request));
  CHECK(own.find("\r\naccept-encoding: gzip;q=0\r\n") != std::string::npos);
  CHECK(own.find("br") == std::string::npos);
}

TEST_CASE("decoding: a coded body is given decoded, or as it came where the options do not ask for that") {
  const std::string text(pattern(100'000, 3));
  const std::string coded = gzip(text);
  for (const bool wanted : {true, false}) {
    CAPTURE(wanted);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/", wanted ? decoding() : TransferOptions());
    const ConnId conn = go(world);
    const std::string response = answer(coded, kGzip);
    for (std::size_t at = 0; at < response.size(); at += 1'000) world.receive(conn, response.substr(at, 1'000));
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == (wanted ? text : coded));
    CHECK(world.engine.head(id).fields.find("Content-Encoding") == "gzip");
    const Progress& progress = world.engine.progress(id);
    CHECK(progress.received_body_bytes == coded.size());
    CHECK(progress.expected_body_bytes == coded.size());
    CHECK(progress.decoded_body_bytes == (wanted ? text.size() : 0));
    CHECK(world.engine.idle_connections() == 1);
  }
}

TEST_CASE("decoding: several codings are undone, the last one first; a body without one stays as it is") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", decoding());
  const ConnId conn = go(world);
  world.receive(conn,
                answer(zstd(brotli(gzip("three times"))), "Content-Encoding: gzip, br\r\nContent-Encoding: zstd\r\n"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "three times");
  const TransferId plain = world.add("http://192.0.2.1/", decoding());
  world.sent(conn);
  world.receive(conn, answer("as it is"));
  CHECK(world.succeeded(plain));
  CHECK(world.bodies[plain] == "as it is");
  CHECK(world.engine.progress(plain).decoded_body_bytes == 0);
}

TEST_CASE("decoding: a response without a body has nothing to decode, whatever its fields say") {
  EngineWorld world;
  const TransferId id = world.add(EngineWorld::get("http://192.0.2.1/", "HEAD"), decoding());
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: unheard-of\r\nContent-Length: 7\r\n\r\n");
  CHECK(world.succeeded(id));
  const TransferId empty = world.add("http://192.0.2.1/", decoding());
  world.sent(conn);
  world.receive(conn, answer("", kGzip));
  CHECK(world.succeeded(empty));
}

TEST_CASE("decoding: faults of the coded data end the transfer, with what was decoded before them") {
  const std::string text(pattern(20'000, 5));
  std::string broken = gzip(text);
  broken[broken.size() - 6] ^= 1;  // in the checksum
  struct Row {
    const char* name;
    std::string response;
    Code code;
    std::size_t given;
  };
  const Row rows[] = {
      {"broken", answer(broken, kGzip), Code::bad_coding, text.size()},
      {"not coded", answer("<html>", kGzip), Code::bad_coding, 0},
      {"cut", answer(gzip(text).substr(0, 40), kGzip), Code::truncated, 0},
      {"trailing", answer(gzip(text) + "more", kGzip), Code::bad_coding, text.size()},
      {"unknown", answer("x", "Content-Encoding: unheard-of\r\n"), Code::unsupported_coding, 0},
      {"six", answer("x", "Content-Encoding: gzip,gzip,gzip,gzip,gzip,gzip\r\n"), Code::unsupported_coding, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/", decoding());
    world.receive(go(world), row.response);
    CHECK(world.failure(id) == row.code);
    CHECK(world.bodies[id].size() >= row.given);
    CHECK(text.starts_with(world.bodies[id]));
    const std::string& message = world.results.at(id).error().context;
    CHECK_MESSAGE(message.starts_with("GET http://192.0.2.1/: "), message);
    // The engine goes on.
    const TransferId next = world.add("http://192.0.2.1/");
    if (world.connects.size() == 2) world.connected(newest(world));
    world.sent(newest(world));
    world.receive(newest(world), answer("x"));
    CHECK(world.succeeded(next));
    check_nothing_left(world);
  }
}

TEST_CASE("SB-21 decoding: a small body that becomes a large one is decoded as it is consumed, and not beyond limits") {
  const std::string text(20 * 1024 * 1024, 'x');
  const std::string coded = gzip(text);
  REQUIRE(coded.size() < limits::kBodyBufferBytes);
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", decoding());
  const ConnId conn = go(world);
  world.receive(conn, answer(coded, kGzip));
  CHECK_FALSE(world.done(id));
  CHECK(world.engine.body(id).size() <= limits::kDecodedBytes);
  CHECK(world.engine.progress(id).decoded_body_bytes <= limits::kDecodedBytes);
  CHECK(world.engine.idle_connections() == 1);  // the rest needs no connection
  CHECK(take_all(world, id) == text);
  CHECK(world.succeeded(id));

  for (const bool by_size : {true, false}) {
    CAPTURE(by_size);
    TransferOptions options = decoding(by_size ? DecodingOptions() : DecodingOptions{.max_ratio = 100});
    if (by_size) options.max_body_bytes = 100'000;
    const TransferId limited = world.add("http://192.0.2.1/", options);
    world.sent(conn);
    world.receive(conn, answer(coded, kGzip));
    const std::string got = take_all(world, limited);
    CHECK(world.failure(limited) == Code::body_too_large);
    CHECK(got.size() <= (by_size ? 100'000 : limits::kMinRatedBytes + limits::kDecodedBytes));
    CHECK(got.size() >= 100'000 - limits::kDecodedBytes);
  }
}

TEST_CASE("decoding: while the application does not consume, a connection is read as far as for other bodies") {
  const std::string text(pattern(4 * 1024 * 1024, 7));
  const std::string response = answer(gzip(text, 0), kGzip);  // stored: as large as the text
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", decoding());
  const ConnId conn = go(world);
  std::size_t at = world.receive(conn, response.substr(0, 10'000));
  while (world.engine.interest(conn).read) at += world.receive(conn, response.substr(at, 10'000));
  CHECK(at < 2 * limits::kBodyBufferBytes);
  std::string got;
  while (!world.done(id) && at <= response.size()) {
    got += take_all(world, id);
    if (at == response.size()) break;
    REQUIRE(world.engine.interest(conn).read);
    at += world.receive(conn, response.substr(at, 10'000));
  }
  CHECK(got == text);
  CHECK(world.succeeded(id));
}

TEST_CASE("decoding: what was decoded before an abort can still be consumed") {
  const std::string text(pattern(100'000, 1));
  const std::string coded = gzip(text);
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", decoding());
  world.receive(go(world), answer(coded, kGzip));
  CHECK_FALSE(world.done(id));
  world.engine.cancel(id, world.now);
  world.drain();
  CHECK(world.failure(id) == Code::canceled);
  const std::string left = take_all(world, id);
  CHECK(left.size() <= limits::kDecodedBytes);
  CHECK(text.starts_with(left));
  world.engine.consume_body(id, 10, world.now);  // nothing is there
}

TEST_CASE("decoding: redirects carry the request for codings on, and only the last body is decoded") {
  EngineWorld world;
  TransferOptions options = decoding();
  options.redirects.emplace();
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  world.receive(conn,
                "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxxx");
  CHECK(world.sent(conn).find("Accept-Encoding: gzip, ") != std::string::npos);
  world.receive(conn, answer(gzip("the end"), kGzip));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "the end");
}

TEST_CASE("decoding: over a session that multiplexes, a transfer that waits does not stop the others") {
  MuxWorld world(100, {}, 100);
  const std::string text(300'000, 'y');
  const TransferId first = world.add("http://192.0.2.1/0", decoding());
  const TransferId second = world.add("http://192.0.2.1/1", decoding());
  const ConnId conn = world.connect();
  world.consume = false;
  const std::string coded = gzip(text), status = "200\nContent-Encoding: gzip";
  REQUIRE(coded.size() <= kMuxWindow);
  world.exchange(conn, mux_answer(world.stream(0), coded, status) + mux_answer(world.stream(1), gzip("short"), status));
  CHECK(take_all(world, second) == "short");
  CHECK(world.succeeded(second));
  CHECK(take_all(world, first) == text);
  CHECK(world.succeeded(first));
}
