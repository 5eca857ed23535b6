// HTTP/2 through the engine and through a Connection: how it is chosen, and that transfers share a connection. What
// sharing means in detail: multiplex_test.cpp; frames: tests/unit/http2.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/features.hpp"
#include "core/pool/endpoint.hpp"
#include "tests/support/connection_world.hpp"
#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using http::Protocol;

TransferOptions of_versions(HttpVersions versions) {
  TransferOptions options;
  options.http_versions = versions;
  return options;
}

const TransferOptions& known() {
  static const TransferOptions options = of_versions(HttpVersions::http2_prior_knowledge);
  return options;
}

std::string ok(std::uint32_t stream, std::string_view body) {
  return h2::headers(stream, {{":status", "200"}}) + h2::data(stream, body, h2::kEndStream);
}

// A world whose one connection speaks HTTP/2 without TLS.
struct KnownWorld : EngineWorld {
  explicit KnownWorld(EngineOptions options = {}) : EngineWorld(std::move(options)) {}
  ConnId connect() {
    const ConnId conn = newest(*this);
    connected(conn);
    receive(conn, h2::settings());
    read(conn);
    return conn;
  }
  void read(ConnId conn) {
    client->read(sent(conn));
    for (const h2::Frame& frame : client->take()) {
      if (frame.type == h2::kHeaders) requests.push_back(frame);
      if (frame.type == h2::kReset) resets.push_back(frame);
      if (frame.type == h2::kPing) ++pings;
    }
  }
  std::unique_ptr<h2::ClientReader> client = std::make_unique<h2::ClientReader>();
  std::vector<h2::Frame> requests, resets;
  int pings = 0;
};

}  // namespace

TEST_CASE("http2 engine: this build has it") { CHECK(features().http2); }

TEST_CASE("http2 engine: which version a connection is made for") {
  const auto protocol = [](HttpVersions versions, bool tls) { return pool::protocol_for(versions, tls, false); };
  CHECK(protocol(HttpVersions::any, false) == Protocol::http1);
  CHECK(protocol(HttpVersions::any, true) == Protocol::negotiated);
  CHECK(protocol(HttpVersions::http1_1, true) == Protocol::http1);
  CHECK(protocol(HttpVersions::http2_prior_knowledge, false) == Protocol::http2_assumed);
  CHECK(protocol(HttpVersions::http2_prior_knowledge, true) == Protocol::http2_assumed);
  CHECK(protocol(HttpVersions::at_least_http2, false) == Protocol::http2_assumed);
  CHECK(protocol(HttpVersions::at_least_http2, true) == Protocol::http2);
  // A proxy that forwards gets HTTP/1.
  CHECK(pool::protocol_for(HttpVersions::http2_prior_knowledge, false, true) == Protocol::http1);
}

TEST_CASE("http2 engine: by prior knowledge, many transfers share one connection at once") {
  KnownWorld world;
  std::vector<TransferId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(world.add("http://192.0.2.1/" + std::to_string(i), known()));
  }
  CHECK(world.connects.size() == 1);
  const ConnId conn = world.connect();
  REQUIRE(world.requests.size() == 20);
  std::string answers;
  for (std::size_t i = 20; i-- > 0;) {
    CHECK(world.requests[i].fields.find(":path: /" + std::to_string(i) + "\n") != std::string::npos);
    answers += ok(world.requests[i].stream, "body " + std::to_string(i));
  }
  world.receive(conn, answers);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(world.succeeded(ids[i]));
    CHECK(world.bodies[ids[i]] == "body " + std::to_string(i));
    CHECK(world.engine.head(ids[i]).version == HttpVersion{2, 0});
    CHECK(world.engine.info(ids[i]).stream_id == 2 * i + 1);
    CHECK(world.engine.info(ids[i]).conn == conn);
  }
  CHECK(world.engine.idle_connections() == 1);
  world.receive(conn, h2::ping());
  world.read(conn);
  CHECK(world.pings == 1);
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("http2 engine: at the peer's limit of streams transfers wait; a second connection is made if one may be") {
  for (const std::size_t most : {1U, 2U}) {
    EngineOptions options;
    options.max_connections_per_origin = most;
    KnownWorld world(options);
    world.add("http://192.0.2.1/", known());
    const ConnId conn = newest(world);
    world.connected(conn);
    world.receive(conn, h2::settings({{h2::kMaxStreams, 1}}));
    const TransferId waits = world.add("http://192.0.2.1/", known());
    CHECK(world.connects.size() == most);
    world.receive(conn, ok(1, "x"));
    world.read(conn);
    world.receive(conn, ok(3, "y"));
    CHECK(world.succeeded(waits));  // whoever has room first takes it
  }
}

TEST_CASE("http2 engine: a peer that allows no stream any more, idle or with a refusal, gets none; a new one is made") {
  {
    KnownWorld world;
    const TransferId first = world.add("http://192.0.2.1/", known());
    const ConnId conn = world.connect();
    world.receive(conn, ok(1, "x"));
    REQUIRE(world.succeeded(first));
    world.receive(conn, h2::settings({{h2::kMaxStreams, 0}}));
    world.add("http://192.0.2.1/", known());
    CHECK(world.connects.size() == 2);
  }
  KnownWorld world;
  const TransferId refused = world.add("http://192.0.2.1/", known());
  const ConnId conn = world.connect();
  world.receive(conn, h2::settings({{h2::kMaxStreams, 0}}) + h2::reset(1, 7));
  REQUIRE(world.connects.size() == 2);
  world.client = std::make_unique<h2::ClientReader>();
  const ConnId second = world.connect();
  world.receive(second, ok(1, "again"));
  CHECK(world.bodies[refused] == "again");
  CHECK(world.succeeded(refused));
}

TEST_CASE("http2 engine: a request of which a response has come is not sent again, whatever the peer says then") {
  for (const std::string& end : {h2::reset(1, 7), h2::goaway(0, 0)}) {
    KnownWorld world;
    const TransferId id = world.add("http://192.0.2.1/", known());
    const ConnId conn = world.connect();
    world.receive(conn, h2::headers(1, {{":status", "200"}}) + h2::data(1, "part"));
    world.receive(conn, end);
    REQUIRE(world.done(id));
    CHECK(world.failure(id) == Code::http2_stream);
    CHECK(world.connects.size() == 1);
    CHECK(world.bodies[id] == "part");
  }
}

TEST_CASE("http2 engine: with `resend` false a request that was refused is not sent again") {
  KnownWorld world;
  TransferOptions options = known();
  options.resend = false;
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = world.connect();
  world.receive(conn, h2::reset(1, 7));
  REQUIRE(world.done(id));
  CHECK(world.results.at(id).error().retry_safe);
}

TEST_CASE("http2 engine: a head of 200 KiB is sent, in frames that fit") {
  KnownWorld world;
  Request large = EngineWorld::get("http://192.0.2.1/");
  for (int i = 0; i < 100; ++i) REQUIRE(large.fields.add("X-" + std::to_string(i), std::string(2'000, 'x')));
  const TransferId id = world.add(std::move(large), known());
  const ConnId conn = world.connect();
  world.receive(conn, ok(1, "x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("http2 engine: versions that differ never share a connection (SB-05)") {
  EngineWorld world;
  TransferOptions tls;
  tls.tls = make_config({});
  std::size_t connects = 0;
  for (const HttpVersions versions :
       {HttpVersions::any, HttpVersions::http1_1, HttpVersions::http2_prior_knowledge, HttpVersions::at_least_http2}) {
    tls.http_versions = versions;
    world.add("https://192.0.2.1/", tls);
    CHECK(world.connects.size() == ++connects);
  }
  tls.http_versions = HttpVersions::any;
  world.add("https://192.0.2.1/", tls);
  CHECK(world.connects.size() == connects);
  // Without TLS there are two kinds.
  world.add("http://192.0.2.1/", of_versions(HttpVersions::any));
  world.add("http://192.0.2.1/", known());
  world.add("http://192.0.2.1/", of_versions(HttpVersions::at_least_http2));
  CHECK(world.connects.size() == connects + 2);
}

TEST_CASE("http2 engine: over TLS it is offered first, and used if the server takes it") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2", "http/1.1"};
  TlsWorld world(trusting_options(), server);
  const TransferId first = world.ask();
  const TransferId second = world.ask();
  CHECK(world.connects.size() <= 1);
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.engine.info(first).alpn == "h2");
  world.answer_with(conn, h2::settings() + ok(3, "two") + ok(1, "one"));
  CHECK(world.bodies[first] == "one");
  CHECK(world.bodies[second] == "two");
  CHECK(world.succeeded(first));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("http2 engine: a server without it: those that waited dial at once, and later ones do not wait again") {
  TlsWorld world;  // the server has http/1.1 alone
  for (int i = 0; i < 4; ++i) world.ask();
  world.resolved("192.0.2.1");
  CHECK(world.connects.size() == 1);
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.connects.size() == 4);
  CHECK(world.server(conn).plain().starts_with("GET / HTTP/1.1\r\n"));
  world.ask();
  world.ask();
  CHECK(world.connects.size() == 6);
}

TEST_CASE("http2 engine: HTTP/1.1 alone is what is asked for, and what is offered") {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2", "http/1.1"};
  TlsOptions both = trusting_options();
  for (const std::vector<std::string>& configured : {std::vector<std::string>{"http/1.1"}, {"h2", "http/1.1"}}) {
    both.alpn = configured;
    TlsWorld world(both, server);
    world.options.http_versions = HttpVersions::http1_1;
    const TransferId id = world.ask();
    world.ask();
    world.resolved("192.0.2.1");
    CHECK(world.connects.size() == 2);  // nobody waits
    const ConnId conn = world.connect();
    world.carry(conn);
    world.answer_with(conn, answer("x"));
    CHECK(world.engine.info(id).alpn != "h2");
    CHECK(world.server(conn).plain().find("PRI") == std::string::npos);
  }
}

TEST_CASE("http2 engine: without ALPN nothing is offered, and HTTP/1.1 is spoken") {
  TlsOptions none = trusting_options();
  none.alpn = {};
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2"};
  TlsWorld world(none, server);
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.engine.info(id).alpn.empty());
  CHECK(world.server(conn).plain().starts_with("GET / HTTP/1.1\r\n"));
}

TEST_CASE("http2 engine: at least HTTP/2: a server that does not agree is an error; by prior knowledge it is tried") {
  sim::TlsServerOptions silent = example_server();
  silent.alpn = {};
  {
    TlsWorld world(trusting_options(), silent);
    world.options.http_versions = HttpVersions::at_least_http2;
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    REQUIRE(world.done(id));
    CHECK(world.failure(id) == Code::http2_error);
    CHECK(world.results.at(id).error().message().find("does not agree") != std::string::npos);
    CHECK(world.engine.idle_connections() == 0);
  }
  TlsWorld world(trusting_options(), silent);
  world.options.http_versions = HttpVersions::http2_prior_knowledge;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.server(conn).plain().starts_with("PRI * HTTP/2.0\r\n"));
  world.answer_with(conn, h2::settings() + ok(1, "x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("http2 engine: GOAWAY: a request that was not processed goes elsewhere, whatever its method") {
  KnownWorld world;
  const TransferId kept = world.add("http://192.0.2.1/a", known());
  Request post = EngineWorld::get("http://192.0.2.1/b", "POST");
  post.body = BodyOwned("body");
  const TransferId moved = world.add(std::move(post), known());
  const ConnId first = world.connect();
  world.receive(first, h2::goaway(1, 0) + ok(1, "kept"));
  CHECK(world.succeeded(kept));
  REQUIRE(world.connects.size() == 2);
  CHECK(closes_of(world, first) == 1);
  world.client = std::make_unique<h2::ClientReader>();
  const ConnId second = world.connect();
  world.receive(second, ok(1, "moved"));
  CHECK(world.bodies[moved] == "moved");
  CHECK(world.engine.info(moved).retries == 1);
}

TEST_CASE("http2 engine: cancel resets one stream, and the connection carries the others and new ones") {
  KnownWorld world;
  const TransferId canceled = world.add("http://192.0.2.1/a", known());
  const TransferId other = world.add("http://192.0.2.1/b", known());
  const ConnId conn = world.connect();
  world.engine.cancel(canceled, world.now);
  world.drain();
  world.read(conn);
  REQUIRE(world.resets.size() == 1);
  CHECK(world.resets[0].stream == 1);
  const TransferId later = world.add("http://192.0.2.1/c", known());
  world.read(conn);
  world.receive(conn, ok(3, "b") + ok(5, "c"));
  CHECK(world.succeeded(other));
  CHECK(world.succeeded(later));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("http2 engine: a transfer whose body is not consumed never stops another (SB-69)") {
  KnownWorld world;
  world.consume = false;
  const TransferId paused = world.add("http://192.0.2.1/a", known());
  const ConnId conn = world.connect();
  world.receive(conn, h2::frame(h2::kSettings, h2::kAck, 0, "") + h2::headers(1, {{":status", "200"}}));
  const std::string part(16'384, 'x');
  for (int i = 0; i < 32; ++i) REQUIRE(world.receive(conn, h2::data(1, part)) == part.size() + 9);
  CHECK(world.engine.body(paused).size() == 512 * 1024);
  CHECK(world.engine.interest(conn).read);
  world.consume = true;
  const TransferId other = world.add("http://192.0.2.1/b", known());
  world.read(conn);
  world.receive(conn, ok(3, "b"));
  CHECK(world.succeeded(other));
  CHECK_FALSE(world.done(paused));
  world.engine.consume_body(paused, 512 * 1024, world.now);
  world.drain();
  world.read(conn);
  world.receive(conn, h2::data(1, "y", h2::kEndStream));
  CHECK(world.succeeded(paused));
}

TEST_CASE("http2 engine: a window is opened for many pieces of a body at once; the driver is asked to send just then") {
  KnownWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", known());
  const ConnId conn = world.connect();
  world.receive(conn, h2::frame(h2::kSettings, h2::kAck, 0, "") + h2::headers(1, {{":status", "200"}}));
  const std::string part(16'384, 'x');
  for (int i = 1; i <= 16; ++i) {
    world.receive(conn, h2::data(1, part));
    world.changed.clear();
    world.engine.consume_body(id, part.size(), world.now);
    world.drain();
    CHECK(world.changed.size() == (i == 16 ? 1 : 0));
    CHECK(world.engine.interest(conn).write == (i == 16));
  }
}

TEST_CASE("http2 engine: an error of the connection ends what has begun; what has no response yet is sent again once") {
  KnownWorld world;
  const TransferId begun = world.add("http://192.0.2.1/a", known());
  const TransferId waiting = world.add("http://192.0.2.1/b", known());
  const ConnId conn = world.connect();
  world.receive(conn, h2::headers(1, {{":status", "200"}}) + h2::frame(h2::kPushPromise, 0, 1, "xxxx"));
  CHECK(world.failure(begun) == Code::http2_error);
  CHECK_FALSE(world.results.at(begun).error().retry_safe);
  CHECK(closes_of(world, conn) == 1);
  CHECK_FALSE(world.done(waiting));
  REQUIRE(world.connects.size() == 2);
  world.connected(newest(world));
  world.receive(newest(world), "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(world.failure(waiting) == Code::http2_error);
  CHECK(world.engine.info(waiting).retries == 1);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("http2 engine: an idle connection that answers no PING is closed, and is not handed out") {
  EngineOptions options;
  options.http2_ping_interval = std::chrono::seconds(10);
  for (const bool answers : {true, false}) {
    KnownWorld world(options);
    const TransferId id = world.add("http://192.0.2.1/a", known());
    const ConnId conn = world.connect();
    world.receive(conn, ok(1, "x"));
    REQUIRE(world.succeeded(id));
    for (int i = 0; i < 4 && world.pings == 0; ++i) {
      world.pass(std::chrono::seconds(10));
      world.read(conn);
    }
    CHECK(world.pings == 1);
    CHECK(world.engine.idle_connections() == 1);
    if (answers) world.receive(conn, h2::ping(std::string(8, '\0'), h2::kAck));
    world.pass(std::chrono::seconds(10));
    CHECK(closes_of(world, conn) == (answers ? 0 : 1));
    world.add("http://192.0.2.1/b", known());
    CHECK(world.connects.size() == (answers ? 1 : 2));
  }
}

TEST_CASE("http2 engine: requests and responses are reported as HTTP/1 would write them") {
  KnownWorld world;
  TransferOptions options = known();
  options.report_heads = true;
  const TransferId id = world.add("http://192.0.2.1/a", options);
  const ConnId conn = world.connect();
  REQUIRE(world.heads_sent.size() == 1);
  CHECK(world.heads_sent[0].head == "GET /a HTTP/2\r\nHost: 192.0.2.1\r\n\r\n");
  world.receive(conn, ok(1, "x"));
  CHECK(world.engine.head(id).raw() == "HTTP/2 200 \r\n\r\n");
}

TEST_CASE("http2 engine: a Connection of the caller, by its option") {
  auto made = Connection::create(
      {.origin = Url::parse("http://example.org/").value(), .http_versions = HttpVersions::http2_prior_knowledge});
  REQUIRE(made);
  Connection connection = std::move(*made);
  const Now now{Instant{std::chrono::seconds(1)}, 0};
  const auto first = connection.add(Request::get(Url::parse("http://example.org/1").value()), {}, now);
  const auto second = connection.add(Request::get(Url::parse("http://example.org/2").value()), {}, now);
  REQUIRE(first);
  REQUIRE(second);
  h2::ClientReader client;
  std::size_t requests = 0;
  const auto read = [&] {
    while (!connection.transmit().empty()) {
      const Bytes bytes = connection.transmit().spans[0];
      client.read(as_text(bytes));
      connection.handle_sent(bytes.size(), now);
    }
    for (const h2::Frame& frame : client.take()) requests += frame.type == h2::kHeaders;
  };
  read();
  CHECK(requests == 2);
  const std::string answers = h2::settings() + ok(3, "two") + ok(1, "one");
  const MutableBytes space = connection.receive_space();
  REQUIRE(space.size() >= answers.size());
  std::ranges::copy(as_bytes(answers), space.begin());
  connection.handle_received(answers.size(), now);
  CHECK(as_text(connection.body(*first)) == "one");
  CHECK(as_text(connection.body(*second)) == "two");
  CHECK_FALSE(connection.is_over());
}

}  // namespace sluice
