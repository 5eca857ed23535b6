// core/engine/connector: from a dial to an established connection, or to the error message. Order and times of the
// addresses: pool/dialer_test.cpp. With TLS: connector_tls_test.cpp.
#include "core/engine/connector.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/mux_session.hpp"
#include "tests/unit/engine/engine_bench.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using channel::ChannelPhase;
using engine::Job;
using engine::PooledConnection;
using flow::TransferPhase;

constexpr std::string_view kNamed = "http://a.test/";
constexpr std::string_view kLiteral = "http://192.0.2.1/";

Error refused_by(std::string_view address) {
  return make_error(Code::connect_failed, "connect to " + std::string(address) + ":80: Connection refused", 111);
}

// A dial for one transfer to a name.
struct NamedDial : ConnectorBench {
  explicit NamedDial(TransferOptions options = {}) : job(add(kNamed, std::move(options))), dialed(dial(job)) {
    const auto asked = said<output::Resolve>();
    CHECK(asked.host == "a.test");
    question = asked.id;
  }
  void know(const std::string& found) { answer(question, NameAnswer(addresses(found))); }
  // This attempt, which the race still has, is refused.
  void refuse(std::string_view address) {
    for (const ConnId id : dialed.attempts) {
      PooledConnection& connection = *connections.find(id);
      if (connection.address.ip.to_string() != address) continue;
      end = connector.attempt_failed(connection, refused_by(address), now);
      return;
    }
    FAIL("no such attempt");
  }

  Job& job;
  pool::Dial& dialed;
  ResolveId question;
};

// ---- names ----

TEST_CASE("connector: a dial asks for its name, and connects to what is answered") {
  NamedDial bench;
  CHECK_FALSE(bench.end);
  CHECK(bench.tells() == "");
  CHECK(bench.job.phase() == TransferPhase::dialing);
  CHECK(bench.job.dial == bench.dialed.id);
  CHECK(bench.dialed.sponsor == bench.job.id);
  CHECK(bench.pool.open() == 1);
  bench.pass(1s);
  bench.know("192.0.2.1");
  CHECK_FALSE(bench.end);
  CHECK(bench.tells() == "connect c0 to 192.0.2.1:80");
  PooledConnection& connection = bench.attempt(bench.dialed);
  CHECK(bench.connector.dial_of(connection) == &bench.dialed);
  CHECK(connection.endpoint == bench.job.endpoint);
  CHECK(connection.resolved == bench.now.steady);
  CHECK(connection.channel.phase() == ChannelPhase::connecting);
  CHECK_FALSE(bench.dialed.name.link.linked);  // it waits for no answer any more
}

TEST_CASE("connector: the first part of an answer is used at once, and the rest is waited for besides") {
  NamedDial bench;
  bench.answer(bench.question, NameAnswer(addresses("2001:db8::1"), {}, true));
  CHECK(bench.tells() == "connect c0 to [2001:db8::1]:80");
  CHECK(bench.dialed.name.link.linked);
  bench.know("2001:db8::1 192.0.2.1");
  CHECK_FALSE(bench.dialed.name.link.linked);
  bench.refuse("2001:db8::1");
  CHECK(bench.tells() == "close c0; connect c1 to 192.0.2.1:80");
}

TEST_CASE("connector: a name is looked up once for all dials, and not again while it is known") {
  NamedDial bench;
  Job& second = bench.add(kNamed);
  bench.dial(second);
  CHECK(bench.tells() == "");  // it waits for the same answer
  bench.connector.abandon(*bench.dialer.find(second.dial));
  bench.know("192.0.2.1");
  bench.tells();
  bench.dial(bench.add(kNamed));
  CHECK(bench.tells() == "connect c1 to 192.0.2.1:80");
}

TEST_CASE("connector: what needs no look-up is connected to at once") {
  ConnectorBench bench;
  bench.defaults.known_addresses = {{"A.test.", 80, addresses("192.0.2.7")}, {"a.test", 80, addresses("192.0.2.8")}};
  bench.dial(bench.add(kLiteral));
  CHECK(bench.tells() == "connect c0 to 192.0.2.1:80");
  bench.dial(bench.add(kNamed));
  CHECK(bench.tells() == "connect c1 to 192.0.2.8:80");  // a later entry counts
  bench.dial(bench.add("http://a.test:81/"));
  CHECK(bench.tells() == "resolve a.test");  // another port
}

TEST_CASE("connector: a route is asked for the place, and no name is looked up for it") {
  struct Pipe final : Route {
    Pipe() : Route("pipe 1", "a pipe", 0) {}
  };
  ConnectorBench bench;
  TransferOptions options;
  options.route = std::make_shared<Pipe>();
  bench.dial(bench.add("http://a.test:81/", options));
  const auto connect = bench.said<output::Connect>();
  CHECK(connect.route == options.route);
  CHECK(connect.host == "a.test");
  CHECK(connect.port == 81);
  CHECK(bench.connections.find(connect.conn)->route_name == "a pipe");
  CHECK(bench.outbox.empty());
}

TEST_CASE("connector: a dial without an address ends with why") {
  NamedDial unknown;
  unknown.answer(unknown.question, std::unexpected(make_error(Code::resolve_failed, "resolve a.test: not found", 4)));
  CHECK(unknown.failure().message() == "resolve a.test: not found");
  CHECK(unknown.end->sponsor == unknown.job.id);
  CHECK(unknown.end->error.retry_safe);
  CHECK(unknown.pool.open() == 0);
  CHECK(unknown.dialer.size() == 0);
  CHECK_FALSE(unknown.timers.earliest());

  ConnectorBench bench;
  TransferOptions ipv6;
  ipv6.family = AddressFamily::ipv6;
  bench.dial(bench.add(kLiteral, ipv6));
  CHECK(bench.failure().message() == "192.0.2.1:80 is not an address of the family that was asked for");
  // Of a name it is said later, as a look-up would.
  bench.defaults.known_addresses = {{"a.test", 80, addresses("192.0.2.7")}};
  pool::Dial& known = bench.dial(bench.add(kNamed, ipv6));
  CHECK_FALSE(bench.end);
  bench.next_timer(TimerKind::address_stagger, known.id);
  bench.end = bench.connector.next_attempt(known, bench.now);
  CHECK(bench.failure().message() == "resolve a.test: no address of the family that was asked for");
  CHECK(bench.failure().code == Code::resolve_failed);
}

// ---- attempts ----

TEST_CASE("connector: addresses race, and the first that connects is handed over") {
  NamedDial bench;
  bench.know("192.0.2.1 192.0.2.2");
  CHECK(bench.tells() == "connect c0 to 192.0.2.1:80");
  const Instant begin = bench.now.steady;
  bench.next_timer(TimerKind::address_stagger, bench.dialed.id);
  CHECK(bench.now.steady == begin + 250ms);
  bench.end = bench.connector.next_attempt(bench.dialed, bench.now);
  CHECK_FALSE(bench.end);
  CHECK(bench.tells() == "connect c1 to 192.0.2.2:80");
  PooledConnection& winner = bench.attempt(bench.dialed, 1);
  bench.pass(1ms);
  bench.end = bench.connector.connected(winner, Address{}, bench.now);
  CHECK(bench.tells() == "close c0");
  REQUIRE(bench.end);
  CHECK(bench.end->connection == &winner);
  CHECK(bench.end->sponsor == bench.job.id);
  CHECK(winner.is_established());
  CHECK(winner.channel.session() != nullptr);
  CHECK(bench.connector.dial_of(winner) == nullptr);
  CHECK(winner.connected == bench.now.steady);
  CHECK(bench.job.info.conn == winner.id);
  CHECK(bench.job.info.address.to_string() == "192.0.2.2:80");
  CHECK(bench.job.progress.resolved == begin);
  CHECK(bench.job.progress.connected == bench.now.steady);
  CHECK(bench.dialer.size() == 0);
  CHECK(bench.pool.open() == 1);  // the dial's place is the connection's now
  CHECK_FALSE(bench.timers.earliest());
}

TEST_CASE(
    "connector: an attempt that fails makes room for the next at once, and the last one's failure is the dial's") {
  NamedDial bench;
  bench.know("192.0.2.1 192.0.2.2");
  bench.tells();
  bench.refuse("192.0.2.1");
  CHECK_FALSE(bench.end);
  CHECK(bench.tells() == "close c0; connect c1 to 192.0.2.2:80");
  bench.refuse("192.0.2.2");
  CHECK(bench.tells() == "close c1");
  CHECK(bench.failure().code == Code::connect_failed);
  CHECK(bench.failure().detail == 111);
  CHECK(bench.failure().retry_safe);
  CHECK(bench.failure().message() ==
        "a.test:80: connect to 192.0.2.1:80: Connection refused; connect to 192.0.2.2:80: Connection refused");
  CHECK(bench.pool.open() == 0);
  CHECK(bench.connections.open() == 0);
}

TEST_CASE("connector: a dial whose time is over says what it had come to, and closes what runs") {
  TransferOptions options;
  options.connect_timeout = 200ms;
  NamedDial resolving(options);
  resolving.next_timer(TimerKind::connect_timeout, resolving.dialed.id);
  resolving.end = resolving.connector.timed_out(resolving.dialed, resolving.now);
  CHECK(resolving.failure().code == Code::connect_timeout);
  CHECK(resolving.failure().message() == "resolve a.test: no answer within 200 ms");
  NamedDial connecting(options);
  connecting.know("192.0.2.1 192.0.2.2");
  connecting.refuse("192.0.2.1");
  connecting.tells();
  connecting.next_timer(TimerKind::connect_timeout, connecting.dialed.id);
  connecting.end = connecting.connector.timed_out(connecting.dialed, connecting.now);
  CHECK(connecting.failure().message() ==
        "connect to a.test:80: no answer within 200 ms from 192.0.2.2:80 (before: a.test:80: connect to 192.0.2.1:80: "
        "Connection refused)");
  CHECK(connecting.tells() == "close c1");
}

// ---- who it is for ----

TEST_CASE("connector: a dial that its transfer does not need is taken over by the next, with a time of its own") {
  TransferOptions options;
  options.connect_timeout = 200s;
  NamedDial bench(options);
  bench.know("192.0.2.1");
  bench.pool.withdraw(bench.job);
  bench.connector.orphan(bench.dialed.id, false, bench.now);
  CHECK(bench.dialed.sponsor == TransferId{});
  CHECK(bench.timers.due(bench.dialed.timeout_timer) == bench.now.steady + 60s);  // as long as one that is unused
  TransferOptions other;
  other.connect_timeout = 100s;
  other.attempts_timeout = 70s;
  bench.pass(10s);
  Job& next = bench.add(kNamed, other);
  bench.pool.withdraw(next);
  bench.connector.take_over(bench.dialed, next, bench.now);
  CHECK(next.phase() == TransferPhase::dialing);
  CHECK(bench.dialed.sponsor == next.id);
  CHECK(bench.timers.due(bench.dialed.timeout_timer) == bench.now.steady + 100s);
  CHECK(bench.timers.due(next.attempts_timer) == bench.now.steady + 70s);
  bench.end = bench.connector.connected(bench.attempt(bench.dialed), Address{}, bench.now);
  REQUIRE(bench.end);
  CHECK(bench.end->sponsor == next.id);
  CHECK(next.progress.resolved == next.progress.queued);  // that was done before it came
  bench.connector.orphan({7, 7}, true, bench.now);        // one that is over is no trouble
}

TEST_CASE("connector: one that nobody waits for is handed over all the same, and is abandoned without a word") {
  NamedDial bench;
  bench.know("192.0.2.1 192.0.2.2");
  bench.pool.withdraw(bench.job);
  bench.connector.orphan(bench.dialed.id, false, bench.now);
  bench.end = bench.connector.connected(bench.attempt(bench.dialed), Address{}, bench.now);
  REQUIRE(bench.end);
  CHECK(bench.end->sponsor == TransferId{});
  CHECK(bench.end->connection->is_established());
  NamedDial unwanted;
  unwanted.pool.withdraw(unwanted.job);
  unwanted.connector.orphan(unwanted.dialed.id, true, unwanted.now);
  CHECK(unwanted.dialed.unwanted);
  unwanted.connector.abandon(unwanted.dialed);
  CHECK(unwanted.tells() == "");
  CHECK(unwanted.dialer.size() == 0);
  CHECK(unwanted.pool.open() == 0);
  CHECK_FALSE(unwanted.timers.earliest());
  unwanted.names.check_invariants();  // it does not wait for the name any more
}

TEST_CASE(
    "connector: on how many exchanges a dial is counted is what the peer had room for, or else the sessions' word") {
  ConnectorBench bench(std::make_unique<MuxFactory>(8, 5));
  Job& job = bench.add(kLiteral);
  pool::Dial& first = bench.dial(job);
  CHECK(first.expected == 5);
  bench.end = bench.connector.connected(bench.attempt(first), Address{}, bench.now);
  REQUIRE(bench.end);
  CHECK(bench.end->connection->multiplexes);
  CHECK(bench.dial(bench.add(kLiteral)).expected == 8);
}

}  // namespace
