// core/engine/connector: the layers of a connection during establishment, their failures, and what is remembered of
// peers.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/tls_pair.hpp"
#include "tests/unit/engine/engine_bench.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using channel::ChannelPhase;
using engine::Job;
using engine::PooledConnection;

// A dial over TLS whose attempt has connected; its server is in memory.
struct SecureDial : ConnectorBench {
  explicit SecureDial(const TlsOptions& tls = trusting_options(), const std::shared_ptr<Route>& route = {})
      : context(make_context(example_server())), server(context), config(make_config(tls)) {
    now.wall = kNoon;
    defaults.known_addresses = {{"example.org", 443, addresses("192.0.2.1")}};
    begin(route);
  }
  void begin(const std::shared_ptr<Route>& route) {
    TransferOptions options;
    options.tls = config;
    options.route = route;
    options.connect_timeout = 5s;
    server = sim::TlsServer(context);
    job = &add("https://example.org/", options);
    pool::Dial& dialed = dial(*job);
    dial_id = dialed.id;
    connection = &attempt(dialed);
    tells();
    end = connector.connected(*connection, Address{}, now);
  }
  // Bytes both ways until nothing moves.
  void shake_hands() {
    for (int round = 0; round < 10; ++round) {
      const OutputView out = connection->channel.transmit();
      for (std::size_t i = 0; i < out.count; ++i) server.feed(out.spans[i]);
      std::vector<http::StreamId> moved;
      connection->channel.sent(out.size_bytes(), moved, now);
      take(server.output());
      server.output().clear();
    }
  }
  // A handshake, and what the server sends to be remembered, which it does with its first bytes.
  void shake_hands_and_remember() {
    shake_hands();
    REQUIRE(server.write(as_bytes("x")));
    shake_hands();
    REQUIRE(tls_sessions.size() == 2);
  }
  // Of what comes of it the first is kept.
  void take(Bytes bytes) {
    const MutableBytes space = connections.receive_space(*connection);
    REQUIRE(space.size() >= bytes.size());
    std::ranges::copy(bytes, space.begin());
    connection->channel.decode(space.first(bytes.size()), connections.landing(), now);
    auto moved = connector.handshake_moved(*connection, now);
    if (!end) end = std::move(moved);
  }
  // All is over with this one: its transfer, its connection and its place.
  void part() {
    pool.withdraw(*job);
    jobs.end(*job, {}, now);
    connections.close(*connection, true);
    tells();
  }

  sim::TlsServerContext context;
  sim::TlsServer server;
  std::shared_ptr<const TlsConfig> config;
  Job* job = nullptr;
  pool::DialId dial_id;
  PooledConnection* connection = nullptr;
};

TEST_CASE("connector tls: a connection is handed over when its handshake is done, with what was agreed on") {
  SecureDial bench;
  CHECK_FALSE(bench.end);
  CHECK(bench.connection->channel.phase() == ChannelPhase::securing);
  CHECK(bench.connections.interest(*bench.connection) == Interest{true, true});
  CHECK(bench.job->progress.connected == bench.now.steady);
  bench.shake_hands();
  REQUIRE(bench.end);
  CHECK(bench.end->connection == bench.connection);
  CHECK(bench.end->sponsor == bench.job->id);
  CHECK(bench.connection->is_established());
  REQUIRE(bench.connection->facts);
  CHECK(bench.connection->facts->version == "TLSv1.3");
  CHECK(bench.connection->facts->alpn == "http/1.1");
  CHECK(bench.server.server_name() == "example.org");
  CHECK(bench.dialer.find(bench.dial_id) == nullptr);
  CHECK(bench.connector.key_log().empty());
  CHECK_FALSE(bench.connector.handshake_moved(*bench.connection, bench.now));  // it is no dial's any more
}

TEST_CASE("connector tls: who takes a handshake over is told of its connection, and of no time before its own") {
  SecureDial bench;
  bench.pool.withdraw(*bench.job);
  bench.connector.orphan(bench.dial_id, false, bench.now);
  bench.pass(2s);
  TransferOptions options;
  options.tls = bench.config;
  Job& next = bench.add("https://example.org/", options);
  bench.pool.withdraw(next);
  bench.pass(1s);
  bench.connector.take_over(*bench.dialer.find(bench.dial_id), next, bench.now);
  CHECK(next.info.conn == bench.connection->id);
  CHECK(next.info.address.to_string() == "192.0.2.1:443");
  CHECK(next.progress.connected == bench.now.steady - 1s);
  CHECK_FALSE(next.progress.secured);
  bench.shake_hands();
  REQUIRE(bench.end);
  CHECK(bench.end->sponsor == next.id);
}

TEST_CASE("connector tls: lines of the key log are kept for whoever asks, where the configuration says so") {
  TlsOptions tls = trusting_options();
  tls.key_log = true;
  SecureDial bench(tls);
  bench.shake_hands();
  REQUIRE_FALSE(bench.connector.key_log().empty());
  CHECK(bench.connector.key_log().front().find("_TRAFFIC_SECRET") != std::string::npos);
}

TEST_CASE("connector tls: a layer that fails ends the dial with its words, and what was remembered of its peer") {
  SecureDial bench;
  bench.shake_hands_and_remember();
  bench.part();
  bench.begin({});
  CHECK(bench.tls_sessions.size() == 1);  // the other one is offered
  constexpr std::uint8_t kHandshakeFailure = 40;
  bench.take(plain_alert(kHandshakeFailure));
  CHECK(bench.failure().code == Code::tls_handshake);
  CHECK(bench.failure().detail == kHandshakeFailure);
  CHECK(bench.failure().retry_safe);
  CHECK(bench.end->sponsor == bench.job->id);
  CHECK(bench.tells() == "close c1");
  CHECK(bench.dialer.find(bench.dial_id) == nullptr);
  CHECK(bench.pool.open() == 0);
  CHECK(bench.tls_sessions.size() == 0);  // the next handshake goes without
}

TEST_CASE("connector tls: a connect that fails says nothing of the peer's sessions") {
  SecureDial bench;
  bench.shake_hands_and_remember();
  bench.part();
  TransferOptions options;
  options.tls = bench.config;
  pool::Dial& dial = bench.dial(bench.add("https://example.org/", options));
  bench.end = bench.connector.attempt_failed(bench.attempt(dial), make_error(Code::connect_failed, "no"), bench.now);
  CHECK(bench.failure().code == Code::connect_failed);
  CHECK(bench.tls_sessions.size() == 2);
}

TEST_CASE("connector tls: a handshake that does not end in time is named") {
  SecureDial bench;
  bench.next_timer(TimerKind::connect_timeout, bench.dial_id);
  bench.end = bench.connector.timed_out(*bench.dialer.find(bench.dial_id), bench.now);
  CHECK(bench.failure().code == Code::connect_timeout);
  CHECK(bench.failure().message() == "TLS handshake with example.org:443: not finished within 5000 ms");
  CHECK(bench.tells() == "close c0");
}

TEST_CASE("connector tls: what is remembered under an object's address goes with its endpoint, else it stays") {
  struct Stream final : Route {
    explicit Stream(std::string identity) : Route(std::move(identity), "a stream", 0) {}
  };
  for (const bool anonymous : {true, false}) {
    CAPTURE(anonymous);
    SecureDial bench(trusting_options(), std::make_shared<Stream>(anonymous ? "" : "stream 1"));
    bench.shake_hands_and_remember();
    pool::Endpoint& endpoint = bench.endpoint(*bench.job);
    const pool::EndpointId id = endpoint.id;
    bench.part();
    REQUIRE(endpoint.unused());
    const auto grant = bench.pool.next(bench.now);
    REQUIRE(grant);
    REQUIRE(grant->kind == pool::Grant::Kind::forget);
    bench.connector.forget(endpoint);
    CHECK(bench.pool.find(id) == nullptr);
    CHECK(bench.tls_sessions.size() == (anonymous ? 0 : 2));
  }
}

}  // namespace
