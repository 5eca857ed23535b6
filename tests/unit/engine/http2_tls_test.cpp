// HTTP/2 through the engine over TLS: what is in the layers below the session when the last exchange ends. All else
// about HTTP/2 through the engine: http2_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice {
namespace {

using namespace sluice::test;

std::string ok_over_tls(std::uint32_t stream, std::string_view body) {
  return h2::headers(stream, {{":status", "200"}}) + h2::data(stream, body, h2::kEndStream);
}

}  // namespace

TEST_CASE("http2 engine, TLS: what waits to be sent when the last exchange ends is sent, and the connection is kept") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2"};
  TlsWorld world(trusting_options(), server);
  const TransferId canceled = world.ask(), kept = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  REQUIRE(world.server(conn).write(as_bytes(h2::settings() + h2::headers(1, {{":status", "200"}}))));
  world.carry(conn);
  world.server(conn).plain().clear();
  // The wire takes nothing at first: RST_STREAM is in the layers of TLS when the other one is complete.
  world.engine.cancel(canceled, world.now);
  world.drain();
  REQUIRE(world.server(conn).write(as_bytes(ok_over_tls(3, "x") + h2::ping())));
  world.to_client(conn);
  CHECK(world.succeeded(kept));
  CHECK(world.engine.idle_connections() == 1);
  world.to_server(conn);
  h2::ClientReader client;
  client.read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client.read(world.server(conn).plain());
  const std::vector<h2::Frame> frames = client.take();
  CHECK(std::ranges::count(frames, h2::kReset, &h2::Frame::type) == 1);
  CHECK(std::ranges::count(frames, h2::kPing, &h2::Frame::type) == 1);
}

TEST_CASE(
    "http2 engine, TLS: over TLS what the end of the last exchange leaves to send is sent: a PING's answer, a reset") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2"};
  TlsWorld world(trusting_options(), server);
  const TransferId first = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  h2::ClientReader client;
  const auto frames = [&](std::uint8_t type) {
    world.carry(conn);
    client.read(std::exchange(world.server(conn).plain(), {}));
    return std::ranges::count(client.take(), type, &h2::Frame::type);
  };
  frames(h2::kPing);
  REQUIRE(world.server(conn).write(as_bytes(h2::settings() + ok_over_tls(1, "x") + h2::ping())));
  world.to_client(conn);
  REQUIRE(world.succeeded(first));
  CHECK(world.engine.interest(conn).write);
  CHECK(frames(h2::kPing) == 1);
  // A response before the end of the request, of which the rest is not sent.
  Request upload("POST", Url::parse("https://example.org/").value());
  upload.body = BodyStream{};
  const TransferId second = world.add(std::move(upload), world.options);
  CHECK(frames(h2::kHeaders) == 1);
  REQUIRE(world.server(conn).write(as_bytes(ok_over_tls(3, "enough"))));
  world.to_client(conn);
  REQUIRE(world.succeeded(second));
  CHECK(frames(h2::kReset) == 1);
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE(
    "http2 engine, TLS: over TLS a response that comes while the request is being sent leaves its connection usable") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2"};
  TlsWorld world(trusting_options(), server);
  Request upload("POST", Url::parse("https://example.org/").value());
  upload.body = BodyOwned(std::string(40'000, 'u'));
  const TransferId first = world.add(std::move(upload), world.options);
  const ConnId conn = world.connect();
  for (int i = 0; i < 3; ++i) {
    world.to_server(conn, 600);
    world.to_client(conn);
  }
  REQUIRE(world.server(conn).handshake_done());
  REQUIRE(world.server(conn).write(as_bytes(h2::settings() + ok_over_tls(1, "enough"))));
  world.to_client(conn);
  REQUIRE(world.succeeded(first));
  CHECK(world.engine.interest(conn).write);  // not all of the request was sent
  CHECK(world.engine.idle_connections() == 1);
  const TransferId second = world.ask();
  CHECK(world.connects.size() == 1);
  world.carry(conn);
  world.answer_with(conn, ok_over_tls(3, "more"));
  CHECK(world.bodies[second] == "more");
  CHECK(world.succeeded(second));
}

}  // namespace sluice
