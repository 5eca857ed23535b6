// Trailers of requests through the engine: given at the end of the upload, and again when the request is sent again.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;

Fields checksum(std::string_view value) {
  Fields fields;
  REQUIRE(fields.add("Checksum", value));
  return fields;
}

Request streamed(std::string_view url, BodyStream body) {
  Request request = EngineWorld::get(url, "PUT");
  request.body = body;
  return request;
}

void give(EngineWorld& world, TransferId id, std::string_view text) {
  const MutableBytes space = world.engine.upload_space(id);
  REQUIRE(space.size() >= text.size());
  std::ranges::copy(as_bytes(text), space.begin());
  world.engine.commit_upload(id, text.size(), world.now);
}

}  // namespace

TEST_CASE("request trailers: over HTTP/1 after the last chunk") {
  EngineWorld world;
  const TransferId id = world.add(streamed("http://192.0.2.1/", BodyStream{}));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn);
  give(world, id, "body");
  world.engine.finish_upload(id, checksum("abc"), world.now);
  world.drain();
  CHECK(world.sent(conn).ends_with("\r\n0\r\nChecksum: abc\r\n\r\n"));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("request trailers: over HTTP/2, and those of the second attempt if it is sent again") {
  Http2World world;
  const TransferId id = world.add(streamed("http://192.0.2.1/", BodyStream{.rewindable = true}), world.known);
  const ConnId conn = world.connect();
  give(world, id, "body");
  world.engine.finish_upload(id, checksum("first"), world.now);
  world.drain();
  REQUIRE(world.read(conn).back().fields == "checksum: first\n");
  world.receive(conn, h2::reset(1, 7));
  REQUIRE(world.rewinds.size() == 1);
  world.engine.rewind_upload(id, world.now);
  world.drain();
  world.read(conn);
  give(world, id, "body");
  world.engine.finish_upload(id, checksum("second"), world.now);
  world.drain();
  const auto frames = world.read(conn);
  REQUIRE_FALSE(frames.empty());
  CHECK(frames.back().stream == 3);
  CHECK(frames.back().flags == (h2::kEndHeaders | h2::kEndStream));
  CHECK(frames.back().fields == "checksum: second\n");
  world.receive(conn, Http2World::ok(3, "x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("request trailers: what cannot be one, or belongs to no chunked body, ends the transfer") {
  for (const bool declared : {true, false}) {
    EngineWorld world;
    const TransferId id = world.add(streamed("http://192.0.2.1/", declared ? BodyStream{.length = 4} : BodyStream{}));
    const ConnId conn = newest(world);
    world.connected(conn);
    Fields trailers = checksum("x");
    if (!declared) REQUIRE(trailers.add("Content-Length", "7"));
    world.engine.finish_upload(id, std::move(trailers), world.now);
    world.drain();
    CHECK(world.failure(id) == Code::invalid_request);
    CHECK(closes_of(world, conn) == 1);
  }
}

}  // namespace sluice
