// HTTP/2 through the engine: what the server has refused, and where it is tried again. Frames: tests/unit/http2.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/engine/parts.hpp"
#include "core/http2/session.hpp"
#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;

constexpr std::uint32_t kRefusedStream = 7, kCalm = 11, kNeedsHttp1 = 13;

sim::TlsServerOptions both_versions() {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2", "http/1.1"};
  return server;
}

Http2World& refuse(Http2World& world, ConnId conn) {
  world.receive(conn, h2::reset(world.requests.back().stream, kRefusedStream));
  world.read(conn);
  return world;
}

// The first session has few stream ids left.
class FewIds final : public http::SessionFactory {
 public:
  std::unique_ptr<http::Session> make(std::string_view) override {
    return http2::make_session({.first_stream = std::exchange(first_, 1)});
  }
  std::size_t expected_exchanges(bool, http::Protocol) const override { return limits::kMaxStreams; }

 private:
  std::uint32_t first_ = 0x7fff'fffb;
};

}  // namespace

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED: tried again over HTTP/1.1, as are all later ones; the rest goes on") {
  for (const bool by_goaway : {false, true}) {
    TlsWorld world(trusting_options(), both_versions());
    const TransferId kept = world.ask();
    Request post = EngineWorld::get("https://example.org/login", "POST");
    post.body = BodyOwned("name");
    const TransferId moved = world.add(std::move(post), world.options);
    const ConnId first = world.connect();
    world.carry(first);
    REQUIRE(world.engine.info(moved).alpn == "h2");
    world.answer_with(first, h2::settings() + (by_goaway ? h2::goaway(1, kNeedsHttp1) : h2::reset(3, kNeedsHttp1)));
    REQUIRE(world.connects.size() == 2);
    const ConnId second = world.connect();
    world.carry(second);
    CHECK(world.server(second).plain().starts_with("POST /login HTTP/1.1\r\n"));
    world.answer_with(second, answer("over HTTP/1.1"));
    CHECK(world.bodies[moved] == "over HTTP/1.1");
    CHECK(world.engine.info(moved).retries == 1);
    CHECK(world.engine.info(moved).alpn == "http/1.1");
    const TransferId later = world.ask();
    world.carry(second);
    CHECK(world.server(second).plain().starts_with("GET / HTTP/1.1\r\n"));
    world.answer_with(second, answer("later"));
    CHECK(world.bodies[later] == "later");
    world.answer_with(first, Http2World::ok(1, "kept"));
    CHECK(world.bodies[kept] == "kept");
    CHECK(closes_of(world, first) == 1);
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED: a connection that is being made for HTTP/2 is used by nobody") {
  for (const bool has_sponsor : {true, false}) {
    TlsWorld world(trusting_options(), both_versions());
    const TransferId first = world.ask();
    const ConnId one = world.connect();
    world.carry(one);
    constexpr std::uint16_t kMaxConcurrentStreams = 3;
    world.answer_with(one, h2::settings({{kMaxConcurrentStreams, 1}}));
    const TransferId second = world.ask("https://example.org/second");
    REQUIRE(world.connects.size() == 2);
    const ConnId two = world.connect();
    world.to_server(two);  // its ClientHello offers HTTP/2
    if (!has_sponsor) {
      world.engine.cancel(second, world.now);
      world.drain();
    }
    world.answer_with(one, h2::reset(1, kNeedsHttp1));
    world.carry(two);
    CHECK(closes_of(world, two) == 1);
    CHECK(world.server(two).plain().find("HTTP/1.1") == std::string::npos);
    const std::size_t connections = has_sponsor ? 4 : 3;
    REQUIRE(world.connects.size() == connections);
    for (std::size_t i = 2; i < connections; ++i) {
      const ConnId conn = world.connects[i].conn;
      world.servers.emplace(conn, sim::TlsServer(world.context));
      world.connected(conn);
      world.carry(conn);
      CHECK(world.server(conn).plain().find(" HTTP/1.1\r\n") != std::string::npos);
    }
    for (std::size_t i = 2; i < connections; ++i) world.answer_with(world.connects[i].conn, answer("over HTTP/1.1"));
    CHECK(world.bodies[first] == "over HTTP/1.1");
    if (has_sponsor) CHECK(world.bodies[second] == "over HTTP/1.1");
  }
}

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED where HTTP/2 is asked for is a failure that says so") {
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/", world.known);
  const ConnId conn = world.connect();
  world.receive(conn, h2::reset(1, kNeedsHttp1));
  CHECK(world.failure(id) == Code::http2_stream);
  CHECK(world.results.at(id).error().message() ==
        "GET http://192.0.2.1/: HTTP/2: the server takes this request over HTTP/1.1 only (HTTP_1_1_REQUIRED)");
  CHECK(world.results.at(id).error().retry_safe);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED of what cannot be sent again is a failure, but the next ones get HTTP/1.1") {
  TlsWorld world(trusting_options(), both_versions());
  Request post = EngineWorld::get("https://example.org/", "POST");
  SUBCASE("resend is false") { world.options.resend = false; }
  SUBCASE("a body that was sent") {
    post.body = BodyStream{};
    world.options.resend = true;
  }
  const TransferId once = world.add(std::move(post), world.options);
  const ConnId conn = world.connect();
  world.carry(conn);
  if (world.options.resend) {
    supply(world, once, "part");
    world.carry(conn);
  }
  world.answer_with(conn, h2::settings() + h2::reset(1, kNeedsHttp1));
  CHECK(world.failure(once) == Code::http2_stream);
  CHECK(closes_of(world, conn) == 1);
  const TransferId later = world.ask();
  const ConnId second = world.connect();
  world.carry(second);
  CHECK(world.server(second).plain().starts_with("GET / HTTP/1.1\r\n"));
  world.answer_with(second, answer("later"));
  CHECK(world.bodies[later] == "later");
  CHECK(world.engine.info(later).retries == 0);
}

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED is about all connections of the endpoint") {
  EngineOptions options;
  options.max_connections_per_origin = 2;
  TlsWorld world(trusting_options(), both_versions(), std::move(options));
  world.ask();
  const ConnId first = world.connect();
  world.carry(first);
  world.answer_with(first, h2::settings({{3, 1}}) + Http2World::ok(1, "first"));
  world.ask();
  const TransferId refused = world.ask();
  const ConnId second = world.connect();
  world.carry(second);
  world.answer_with(first, Http2World::ok(3, "first"));  // idle
  world.answer_with(second, h2::settings({{3, 1}}) + h2::reset(1, kNeedsHttp1));
  const ConnId third = world.connect();
  world.carry(third);
  CHECK(world.server(third).plain().starts_with("GET / HTTP/1.1\r\n"));
  world.ask();
  CHECK(closes_of(world, first) == 1);
  const ConnId fourth = world.connect();
  world.carry(fourth);
  CHECK(world.server(fourth).plain().starts_with("GET / HTTP/1.1\r\n"));
  world.answer_with(third, answer("third"));
  CHECK(world.bodies[refused] == "third");
}

TEST_CASE("http2 ends: HTTP_1_1_REQUIRED is also about connections that are full now") {
  EngineOptions options;
  options.max_connections_per_origin = 2;
  TlsWorld world(trusting_options(), both_versions(), options);
  std::vector<ConnId> conns;
  for (int i = 0; i < 2; ++i) {
    world.ask();
    conns.push_back(world.connect());
    world.carry(conns.back());
    world.answer_with(conns.back(), h2::settings({{h2::kMaxStreams, 1}}));
  }
  const TransferId waits = world.ask();
  world.answer_with(conns[1], h2::reset(1, kNeedsHttp1));
  REQUIRE(world.connects.size() == 3);
  world.answer_with(conns[0], Http2World::ok(1, "a"));
  CHECK(closes_of(world, conns[0]) == 1);
  CHECK(world.connects.size() == 4);
  CHECK_FALSE(world.done(waits));
}

TEST_CASE("http2 ends: REFUSED_STREAM: again at once, once more after a while, and then it is a failure") {
  Http2World world;
  Request post = EngineWorld::get("http://192.0.2.1/", "POST");
  post.body = BodyOwned("body");
  const TransferId id = world.add(std::move(post), world.known);
  const ConnId conn = world.connect();
  const Instant begun = world.engine.progress(id).queued;
  refuse(world, conn);
  CHECK(world.requests.size() == 2);
  refuse(world, conn);
  CHECK(world.requests.size() == 2);
  CHECK_FALSE(world.done(id));
  CHECK(world.engine.idle_connections() == 1);
  world.engine.check_invariants();
  world.pass(std::chrono::milliseconds(499));
  world.read(conn);
  CHECK(world.requests.size() == 2);
  world.pass(std::chrono::milliseconds(501));
  world.read(conn);
  REQUIRE(world.requests.size() == 3);
  CHECK(world.engine.info(id).retries == 2);
  CHECK(world.engine.info(id).connections == 1);
  CHECK(world.engine.progress(id).queued == begun);
  SUBCASE("taken") {
    world.receive(conn, Http2World::ok(5, "x"));
    CHECK(world.bodies[id] == "x");
    CHECK(world.succeeded(id));
  }
  SUBCASE("refused") {
    refuse(world, conn);
    REQUIRE(world.failure(id) == Code::http2_stream);
    CHECK(world.results.at(id).error().retry_safe);
    CHECK(world.requests.size() == 3);
  }
}

TEST_CASE("http2 ends: a server that takes few exchanges, and said so too late, is not asked for more at once again") {
  EngineOptions options;
  options.max_connections_per_origin = 2;
  Http2World world(options);
  const TransferId a = world.add("http://192.0.2.1/a", world.known);
  const TransferId b = world.add("http://192.0.2.1/b", world.known);
  const TransferId c = world.add("http://192.0.2.1/c", world.known);
  const ConnId first = world.connect(false);
  REQUIRE(world.requests.size() == 3);
  world.receive(first, h2::settings({{3, 1}}) + h2::reset(3, kRefusedStream) + h2::reset(5, kRefusedStream));
  REQUIRE(world.connects.size() == 2);
  const ConnId second = world.connect(false);
  CHECK(world.requests.size() == 4);
  SUBCASE("the next connection is the same") {
    world.receive(second, h2::settings({{3, 1}}) + Http2World::ok(1, "b"));
    world.read(second);
    CHECK(world.requests.size() == 5);
    world.receive(second, Http2World::ok(3, "c"));
  }
  SUBCASE("the next connection takes more") {
    world.receive(second, h2::settings({{3, 2}}));
    world.read(second);
    CHECK(world.requests.size() == 5);
    world.receive(second, Http2World::ok(1, "b") + Http2World::ok(3, "c"));
  }
  world.receive(first, Http2World::ok(1, "a"));
  CHECK((world.succeeded(a) && world.succeeded(b) && world.succeeded(c)));
  CHECK(world.connects.size() == 2);
}

TEST_CASE(
    "http2 ends: a server that took few exchanges once, and takes more later, gets one connection for many again") {
  Http2World world;
  const TransferId a = world.add("http://192.0.2.1/a", world.known);
  const TransferId b = world.add("http://192.0.2.1/b", world.known);
  const ConnId first = world.connect(false);
  world.receive(first, h2::settings({{3, 1}}) + h2::reset(3, kRefusedStream) + h2::goaway(1, 0));
  const ConnId second = world.connect(false);
  world.receive(second, h2::settings({{3, 100}}));
  world.read(second);
  world.receive(second, Http2World::ok(1, "b"));
  world.receive(first, Http2World::ok(1, "a"));
  REQUIRE((world.succeeded(a) && world.succeeded(b)));
  world.eof(second);
  const std::size_t before = world.connects.size(), asked = world.requests.size();
  for (int i = 0; i < 5; ++i) world.add("http://192.0.2.1/more", world.known);
  CHECK(world.connects.size() == before + 1);
  world.connect(false);
  CHECK(world.requests.size() == asked + 5);
}

// Requests that must not be repeated go on used connections of a server that announces when it closes one.
TEST_CASE("http2 ends: a connection that a GOAWAY ends after its first response was announced to end") {
  Http2World world;
  const TransferId a = world.add("http://192.0.2.1/a", world.known);
  const ConnId first = world.connect();
  world.receive(first, Http2World::ok(1, "a"));
  REQUIRE(world.succeeded(a));
  const TransferId b = world.add("http://192.0.2.1/b", world.known);
  world.read(first);
  REQUIRE(world.requests.size() == 2);
  world.receive(first, h2::goaway(3, 0));
  world.eof(first);
  const ConnId second = world.connect();
  world.receive(second, Http2World::ok(1, "b"));
  REQUIRE(world.succeeded(b));
  Request post = EngineWorld::get("http://192.0.2.1/", "POST");
  post.body = BodyOwned("name");
  world.add(std::move(post), world.known);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("http2 ends: what waits after a refusal can be canceled, and a streamed body is asked for again") {
  Http2World world;
  Request post = EngineWorld::get("http://192.0.2.1/", "POST");
  post.body = BodyStream{.rewindable = true};
  const TransferId id = world.add(std::move(post), world.known);
  const ConnId conn = world.connect();
  for (int i = 0; i < 2; ++i) {
    const MutableBytes space = world.engine.upload_space(id);
    REQUIRE_FALSE(space.empty());
    world.engine.commit_upload(id, 10, world.now);
    world.drain();
    world.read(conn);
    refuse(world, conn);
    world.engine.rewind_upload(id, world.now);
    world.drain();
  }
  CHECK(world.engine.upload_space(id).empty());
  world.engine.cancel(id, world.now);
  world.drain();
  CHECK(world.failure(id) == Code::canceled);
  world.pass(std::chrono::seconds(2));
  world.read(conn);
  CHECK(world.requests.size() == 2);
}

TEST_CASE("http2 ends: extended CONNECT (RFC 8441) is noted as the server's SETTINGS say") {
  for (const std::uint32_t value : {0U, 1U}) {
    Http2World world;
    const TransferId id = world.add("http://192.0.2.1/", world.known);
    const ConnId conn = world.connect();
    world.receive(conn, h2::settings({{8, value}}) + Http2World::ok(1, "x"));
    REQUIRE(world.succeeded(id));
    CHECK(world.engine.info(id).extended_connect == (value == 1));
  }
}

TEST_CASE(
    "http2 ends: GOAWAY and the end: what may be repeated is sent again once, also the connection's first request") {
  for (const std::uint32_t code : {0U, 2U, kCalm}) {
    CAPTURE(code);
    Http2World world;
    const TransferId first = world.add("http://192.0.2.1/a", world.known);
    const TransferId post = world.add(with_body("POST", BodyOwned("body")), world.known);
    const TransferId last = world.add("http://192.0.2.1/c", world.known);
    const TransferId begun = world.add("http://192.0.2.1/d", world.known);
    const ConnId conn = world.connect();
    world.receive(conn, h2::headers(7, {{":status", "200"}}) + h2::goaway(7, code));
    CHECK(world.connects.size() == 1);  // its answers may come still
    world.requests.clear();
    world.eof(conn);
    CHECK((world.done(begun) && !world.succeeded(begun)));
    CHECK(world.failure(post) == (code == 0 ? Code::connection_closed : Code::http2_error));
    CHECK_FALSE(world.results.at(post).error().retry_safe);
    // A server that asks for less does not get the same again at once.
    if (code == kCalm) {
      CHECK(world.failure(first) == Code::http2_error);
      CHECK(world.failure(last) == Code::http2_error);
      CHECK(world.results.at(first).error().retry_safe);
      CHECK(world.connects.size() == 1);
      continue;
    }
    REQUIRE(world.connects.size() == 2);
    const ConnId second = world.connect();
    REQUIRE(world.requests.size() == 2);
    CHECK(world.engine.info(first).retries == 1);
    CHECK(world.engine.info(last).retries == 1);
    world.receive(second, h2::goaway(3, code));
    world.eof(second);
    CHECK_FALSE(world.succeeded(first));
    CHECK_FALSE(world.succeeded(last));
    CHECK((world.done(first) && world.done(last)));
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("http2 ends: GOAWAY and the end: what a server calls wrong is not sent to it again") {
  constexpr std::uint32_t kProtocolError = 1, kInadequateSecurity = 12;
  for (const std::uint32_t code : {kProtocolError, kInadequateSecurity, kNeedsHttp1}) {
    CAPTURE(code);
    Http2World world;
    const TransferId id = world.add("http://192.0.2.1/", world.known);
    const ConnId conn = world.connect();
    world.receive(conn, h2::settings() + h2::goaway(1, code));
    CHECK_FALSE(world.done(id));  // its answer may come still
    world.eof(conn);
    REQUIRE(world.failure(id) == Code::http2_error);
    CHECK(world.results.at(id).error().detail == static_cast<int>(code));
    CHECK(world.connects.size() == 1);
  }
}

TEST_CASE("http2 ends: GOAWAY with HTTP_1_1_REQUIRED and the end: what may be repeated is, over HTTP/1.1") {
  TlsWorld world(trusting_options(), both_versions());
  const TransferId id = world.ask();
  Request post = EngineWorld::get("https://example.org/login", "POST");
  post.body = BodyOwned("name");
  const TransferId other = world.add(std::move(post), world.options);
  const ConnId first = world.connect();
  world.carry(first);
  world.answer_with(first, h2::settings() + h2::goaway(3, kNeedsHttp1));
  CHECK_FALSE(world.done(id));
  world.server(first).close_notify();
  world.carry(first);
  CHECK(world.failure(other) == Code::http2_error);  // it may have been processed
  REQUIRE(world.connects.size() == 2);
  const ConnId second = world.connect();
  world.carry(second);
  CHECK(world.server(second).plain().starts_with("GET / HTTP/1.1\r\n"));
  world.answer_with(second, answer("over HTTP/1.1"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "over HTTP/1.1");
  CHECK(world.engine.info(id).retries == 1);
  world.engine.check_invariants();
}

TEST_CASE("http2 ends: stream ids run out into a new connection; the old one carries its own to the end") {
  Http2World world(EngineParts::make({}, std::make_unique<FewIds>()));
  std::vector<TransferId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(world.add("http://192.0.2.1/" + std::to_string(i), world.known));
  const ConnId first = world.connect();
  REQUIRE(world.requests.size() == 3);
  CHECK(world.requests.back().stream == 0x7fff'ffff);
  REQUIRE(world.connects.size() == 2);
  const auto of_first = std::exchange(world.requests, {});
  const ConnId second = world.connect();
  REQUIRE(world.requests.size() == 2);
  CHECK(world.requests[0].stream == 1);
  const TransferId later = world.add("http://192.0.2.1/later", world.known);
  world.read(second);
  for (const h2::Frame& request : world.requests) world.receive(second, Http2World::ok(request.stream, "x"));
  CHECK(world.succeeded(later));
  CHECK(closes_of(world, first) == 0);
  for (const h2::Frame& request : of_first) world.receive(first, Http2World::ok(request.stream, "x"));
  for (const TransferId id : ids) {
    CHECK(world.succeeded(id));
    CHECK(world.engine.info(id).retries == 0);
  }
  CHECK(closes_of(world, first) == 1);
  CHECK(world.connects.size() == 2);
  CHECK(world.engine.idle_connections() == 1);
}

}  // namespace sluice
