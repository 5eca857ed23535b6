// Deadlines: which phase each one covers, the error when it passes, and that deadline() is exact.
#include <doctest/doctest.h>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

TransferOptions connect_within(Duration most) {
  TransferOptions options;
  options.connect_timeout = most;
  return options;
}
TransferOptions total_within(Duration most) {
  TransferOptions options;
  options.connect_timeout.reset();
  options.total_timeout = most;
  return options;
}
TransferOptions attempts_within(Duration most) {
  TransferOptions options;
  options.connect_timeout.reset();
  options.attempts_timeout = most;
  return options;
}
TransferOptions idle_within(Duration most) {
  TransferOptions options;
  options.connect_timeout.reset();
  options.idle_timeout = most;
  return options;
}
TransferOptions with_tls(TransferOptions options) {
  TlsOptions tls;
  tls.verify_peer = false;
  options.tls = *TlsConfig::create(tls);
  return options;
}
std::string what(const EngineWorld& world, TransferId id) { return world.results.at(id).error().message(); }
bool says(const EngineWorld& world, TransferId id, std::string_view part) {
  INFO(what(world, id));
  return what(world, id).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("timeouts: deadline() is nothing on an idle engine, and exact in each phase") {
  EngineWorld world;
  CHECK_FALSE(world.engine.deadline().has_value());
  const Instant begun = world.now.steady;
  const TransferId id = world.add("http://example.org/", connect_within(10s));
  REQUIRE(world.engine.deadline().has_value());
  CHECK(world.engine.deadline()->at == begun + 10s);
  CHECK(world.engine.deadline()->why == TimerKind::connect_timeout);
  world.resolved("192.0.2.7", {"192.0.2.8"});
  CHECK(world.engine.deadline()->at == begun + 250ms);
  CHECK(world.engine.deadline()->why == TimerKind::address_stagger);
  const ConnId conn = go(world);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.pass(3s);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  REQUIRE(world.engine.deadline().has_value());
  CHECK(world.engine.deadline()->at == begun + 3s + 60s);
  CHECK(world.engine.deadline()->why == TimerKind::connection_expiry);
  check_nothing_left(world);
}

TEST_CASE("timeouts: connecting, while the name is looked up, while the address is tried, and in the TLS handshake") {
  EngineWorld world;
  const TransferId resolving = world.add("http://example.org/", connect_within(5s));
  world.pass(4999ms);
  CHECK_FALSE(world.done(resolving));
  world.pass(1ms);
  CHECK(world.failure(resolving) == Code::connect_timeout);
  CHECK(says(world, resolving, "resolve example.org"));
  CHECK(says(world, resolving, "5000 ms"));

  const TransferId connecting = world.add("http://192.0.2.1:81/", connect_within(2s));
  world.pass(2s);
  CHECK(world.failure(connecting) == Code::connect_timeout);
  CHECK(says(world, connecting, "connect to 192.0.2.1:81"));
  CHECK(closes_of(world, newest(world)) == 1);

  const TransferId securing = world.add("https://192.0.2.1/", with_tls(connect_within(2s)));
  world.pass(1s);
  const ConnId conn = go(world);
  CHECK_FALSE(world.engine.transmit(conn).count > 0);
  world.pass(999ms);
  CHECK_FALSE(world.done(securing));
  world.pass(1ms);
  CHECK(world.failure(securing) == Code::connect_timeout);
  CHECK(says(world, securing, "TLS handshake with 192.0.2.1:443"));
  CHECK(world.results.at(securing).error().retry_safe);
  check_nothing_left(world);
}

TEST_CASE("SB-63 a server that drips through the TLS handshake, a byte a second, meets the connect timeout") {
  EngineWorld world;
  const TransferId id = world.add("https://192.0.2.1/", with_tls(connect_within(10s)));
  const ConnId conn = go(world);
  // The head of a record that announces 16 KiB.
  const std::string record = std::string("\x16\x03\x03\x40\x00\x02\x00\x3f", 8) + std::string(1000, '\0');
  int seconds = 0;
  for (; seconds < 60 && !world.done(id); ++seconds) {
    world.receive(conn, std::string_view(record).substr(static_cast<std::size_t>(seconds), 1));
    world.pass(1s);
  }
  CHECK(world.failure(id) == Code::connect_timeout);
  CHECK(seconds == 10);
  check_nothing_left(world);
}

TEST_CASE("SB-63 one byte a second in head, interim head, body, chunk framing or trailers: the total timeout fires") {
  const std::string slow(200, 'a');
  const std::string phases[] = {
      "HTTP/1.1 200 " + slow,
      "HTTP/1.1 200 OK\r\nX: " + slow,
      "HTTP/1.1 103 Early\r\nX: " + slow,
      "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + slow,
      "HTTP/1.1 200 OK\r\n\r\n" + slow,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=" + slow,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n" + slow,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + slow,
  };
  for (const std::string& response : phases) {
    CAPTURE(response);
    EngineWorld world;
    TransferOptions options = total_within(100s);
    options.idle_timeout = 30s;  // never: something comes every second
    const TransferId id = world.add("http://192.0.2.1/", options);
    const ConnId conn = go(world);
    std::size_t at = 0;
    for (; at < response.size() && !world.done(id); ++at) {
      world.receive(conn, std::string_view(response).substr(at, 1));
      world.pass(1s);
    }
    CHECK(world.failure(id) == Code::total_timeout);
    CHECK(at == 100);
    CHECK(says(world, id, "100000 ms"));
    check_nothing_left(world);
  }
}

TEST_CASE("timeouts: total counts from add(), in every phase, waiting in the queue included") {
  EngineOptions one;
  one.max_connections_per_origin = 1;
  EngineWorld world(one);
  const TransferId resolving = world.add("http://example.org/", total_within(1s));
  const TransferId queued = world.add("http://example.org/", total_within(2s));
  world.pass(1s);
  CHECK(world.failure(resolving) == Code::total_timeout);
  CHECK_FALSE(world.done(queued));
  world.pass(1s);
  CHECK(world.failure(queued) == Code::total_timeout);
  CHECK(world.engine.running() == 0);

  world.consume = false;
  const TransferId unconsumed = world.add("http://192.0.2.1/", total_within(3s));
  const ConnId conn = go(world);
  world.receive(conn, answer("abc"));
  CHECK_FALSE(world.done(unconsumed));
  CHECK(world.engine.idle_connections() == 1);  // the wire is done with it
  world.pass(3s);
  CHECK(world.failure(unconsumed) == Code::total_timeout);
  check_nothing_left(world);
}

TEST_CASE("timeouts: that of the attempts begins with the first of them, not in the queue") {
  EngineOptions one;
  one.max_connections_per_origin = 1;
  EngineWorld world(one);
  const TransferId first = world.add("http://example.org/1");
  const TransferId second = world.add("http://example.org/2", attempts_within(2s));
  CHECK(world.engine.deadline()->why == TimerKind::connect_timeout);  // of the first: the second has none yet
  world.resolved("192.0.2.7");
  const ConnId conn = go(world);
  world.pass(1h);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.receive(conn, answer("x"));
  REQUIRE(world.succeeded(first));
  CHECK(world.engine.deadline()->at == world.now.steady + 2s);  // it has the connection now
  CHECK(world.engine.deadline()->why == TimerKind::attempts_timeout);
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  world.pass(1999ms);
  CHECK_FALSE(world.done(second));
  world.pass(1ms);
  CHECK(world.failure(second) == Code::attempts_timeout);
  CHECK(says(world, second, "not finished within 2000 ms of its first attempt, with 3 bytes received"));
  check_nothing_left(world);
}

TEST_CASE("timeouts: that of the attempts covers names, connections and what the application has not consumed") {
  EngineWorld world;
  const TransferId resolving = world.add("http://example.org/", attempts_within(1s));
  const TransferId connecting = world.add("http://192.0.2.1/", attempts_within(1s));
  CHECK(world.engine.deadline()->at == world.now.steady + 1s);
  world.pass(1s);
  CHECK(world.failure(resolving) == Code::attempts_timeout);
  CHECK(world.failure(connecting) == Code::attempts_timeout);
  world.consume = false;
  const TransferId unconsumed = world.add("http://192.0.2.2/", attempts_within(3s));
  const ConnId conn = go(world);
  world.receive(conn, answer("abc"));
  world.pass(3s);
  CHECK(world.failure(unconsumed) == Code::attempts_timeout);
  world.consume = true;
  const TransferId good = world.add("http://192.0.2.2/", attempts_within(3s));
  world.sent(conn);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(good));
  CHECK(world.engine.deadline()->why == TimerKind::connection_expiry);  // nothing is left of it
  check_nothing_left(world);
}

TEST_CASE("timeouts: that of the attempts runs on through a retry, and each of the two totals counts for itself") {
  EngineWorld world;
  const ConnId used = one_get(world);
  const TransferId again = world.add("http://192.0.2.1/", attempts_within(5s));
  world.sent(used);
  world.pass(3s);
  world.engine.handle_eof(used, world.now);  // it was closed before the request came: another one
  world.drain();
  REQUIRE(world.engine.info(again).retries == 1);
  CHECK(world.engine.deadline()->at == world.now.steady + 2s);
  go(world);
  world.pass(2s);
  CHECK(world.failure(again) == Code::attempts_timeout);
  for (const auto& [total, attempts] : {std::pair(1s, 2s), std::pair(2s, 1s)}) {
    TransferOptions options = total_within(total);
    options.attempts_timeout = attempts;
    const TransferId both = world.add("http://192.0.2.3/", options);
    world.pass(1s);
    CHECK(world.failure(both) == (total < attempts ? Code::total_timeout : Code::attempts_timeout));
  }
  check_nothing_left(world);
}

TEST_CASE("timeouts: idle is without a byte in either direction") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", idle_within(10s));
  CHECK_FALSE(world.engine.deadline().has_value());  // nothing to be idle yet
  world.pass(60s);
  const ConnId conn = newest(world);
  world.connected(conn);
  REQUIRE(world.engine.deadline().has_value());
  CHECK(world.engine.deadline()->why == TimerKind::idle_timeout);
  world.pass(9s);
  world.sent(conn, 3);
  world.pass(9s);
  world.sent(conn);
  world.pass(9s);
  world.receive(conn, "H");
  world.pass(9s);
  world.receive(conn, "TTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
  world.pass(9s);
  CHECK_FALSE(world.done(id));
  CHECK(world.engine.deadline()->at <= world.now.steady + 1s);
  world.pass(1s);
  CHECK(world.failure(id) == Code::idle_timeout);
  CHECK(says(world, id, "10000 ms"));
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("timeouts: time in which the application does not consume is not the peer's idleness") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", idle_within(10s));
  const ConnId conn = go(world);
  const std::string body(64 * 1024, 'x');
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body);
  CHECK_FALSE(world.engine.interest(conn).read);
  for (int i = 0; i < 50; ++i) world.pass(7s);
  CHECK_FALSE(world.done(id));
  world.take_body(id);
  world.drain();
  CHECK(world.engine.interest(conn).read);
  world.pass(9s);
  CHECK_FALSE(world.done(id));
  world.pass(1s);  // now it is the peer's turn, and ten seconds are ten seconds
  CHECK(world.failure(id) == Code::idle_timeout);
}

TEST_CASE("timeouts: time in which the application does not supply is not the peer's idleness, also after a 100") {
  for (const bool expects : {false, true}) {
    CAPTURE(expects);
    EngineWorld world;
    Request request = with_body("PUT", BodyStream{});
    if (expects) REQUIRE(request.fields.add("Expect", "100-continue").has_value());
    const TransferId id = world.add(request, idle_within(10s));
    const ConnId conn = go(world);
    if (expects) world.receive(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    for (int i = 0; i < 20; ++i) world.pass(7s);
    CHECK_FALSE(world.done(id));
    CHECK(supply(world, id, "some bytes") == 10);
    for (int i = 0; i < 20 && !world.done(id); ++i) world.pass(1s);  // they are there, and the peer does not take them
    CHECK(world.failure(id) == Code::idle_timeout);
  }
}

TEST_CASE("timeouts: a zero idle timeout and negative ones are refused, zero for the others fires at once") {
  EngineWorld world;
  for (const auto& options :
       {idle_within(0s), idle_within(-1s), connect_within(-1s), total_within(-1s), attempts_within(-1s)}) {
    const auto id = world.engine.add(EngineWorld::get("http://192.0.2.1/"), options, world.now);
    REQUIRE_FALSE(id.has_value());
    CHECK(id.error().code == Code::invalid_option);
  }
  const TransferId total = world.add("http://192.0.2.1/", total_within(0s));
  const TransferId connect = world.add("http://192.0.2.1/", connect_within(0s));
  CHECK(world.engine.deadline()->at == world.now.steady);
  world.pass(0s);
  CHECK(world.failure(total) == Code::total_timeout);
  CHECK(world.failure(connect) == Code::connect_timeout);
  check_nothing_left(world);
}

TEST_CASE("timeouts: endless ones do not overflow") {
  EngineWorld world;
  TransferOptions options = connect_within(Duration::max());
  options.total_timeout = options.attempts_timeout = options.idle_timeout = Duration::max();
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  world.pass(std::chrono::hours(24 * 365));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("timeouts: idle connections expire, counted from their last use, and only then") {
  EngineOptions options;
  options.idle_connection_timeout = 10s;
  EngineWorld world(options);
  const ConnId conn = one_get(world);
  world.pass(6s);
  const TransferId again = world.add("http://192.0.2.1/");
  world.sent(conn);
  world.pass(6s);  // in use when the first expiry would have been
  CHECK(closes_of(world, conn) == 0);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(again));
  world.pass(9s);
  CHECK(closes_of(world, conn) == 0);
  world.pass(1s);
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("timeouts: early, late and needless calls are harmless; time that goes back is clamped") {
  EngineWorld world;
  world.pass(0s);
  const TransferId id = world.add("http://192.0.2.1/", total_within(10s));
  for (int i = 0; i < 5; ++i) world.pass(1s);
  const Instant before = world.now.steady;
  world.now.steady -= 500s;
  world.pass(0s);
  const ConnId conn = go(world);
  CHECK(world.engine.progress(id).connected == before);
  world.now.steady = before + 4999ms;
  world.pass(0s);
  CHECK_FALSE(world.done(id));
  world.now.steady = before - 1s;
  world.receive(conn, "HTTP/1.1 200 OK\r\n");
  world.now.steady = before + 5s;
  world.pass(0s);
  CHECK(world.failure(id) == Code::total_timeout);
  CHECK(world.engine.progress(id).done == before + 5s);
}

TEST_CASE("timeouts: a dial's time runs anew for the transfer that takes it over") {
  EngineOptions one;
  one.max_connections_per_origin = 1;
  EngineWorld world(one);
  const TransferId first = world.add("http://192.0.2.1/1", connect_within(5s));
  const TransferId second = world.add("http://192.0.2.1/2", connect_within(5s));
  world.pass(3s);
  world.remove(first);
  world.pass(4s);
  CHECK_FALSE(world.done(second));
  world.pass(1s);
  CHECK(world.failure(second) == Code::connect_timeout);
  check_nothing_left(world);
}

TEST_CASE("timeouts: a dial that nobody waits for ends, also where its transfer had no connect timeout") {
  EngineOptions options;
  options.idle_connection_timeout = 20s;
  EngineWorld world(options);
  TransferOptions patient;
  patient.connect_timeout.reset();
  world.add("http://192.0.2.1/1", patient);
  const ConnId busy = go(world);
  const TransferId second = world.add("http://192.0.2.1/2", patient);
  const ConnId hangs = newest(world);
  world.pass(3600s);
  CHECK(closes_of(world, hangs) == 0);  // it is waited for
  world.receive(busy, answer("x"));     // now it is not: the second one has this connection
  world.pass(19s);
  CHECK(closes_of(world, hangs) == 0);
  world.pass(1s);
  CHECK(closes_of(world, hangs) == 1);  // as one that is made and unused
  world.sent(busy);
  world.receive(busy, answer("x"));
  CHECK(world.succeeded(second));
  check_nothing_left(world);
}

TEST_CASE("timeouts: time in which the application does not supply is not the peer's idleness, also behind a head") {
  EngineWorld world;
  TransferOptions options;
  options.idle_timeout = 5s;
  const TransferId id = world.add(with_body("POST", BodyStream{}), options);
  const ConnId conn = go(world);
  supply(world, id, "question");
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nanswer\r\n");
  world.pass(6s);
  CHECK_FALSE(world.done(id));
  CHECK_FALSE(world.engine.deadline().has_value());  // it has nothing to come back for
  supply(world, id, "more");
  world.sent(conn);
  world.pass(4s);
  supply(world, id, "and more");  // which the peer does not take
  world.pass(4s);
  CHECK_FALSE(world.done(id));
  world.pass(2s);
  CHECK(world.failure(id) == Code::idle_timeout);
  check_nothing_left(world);
}

TEST_CASE("timeouts: a dial that is taken over has taken no time before its transfer was there") {
  EngineWorld world;
  world.add("http://192.0.2.1/1");
  const ConnId busy = go(world);
  world.add("http://192.0.2.1/2");
  const ConnId dialled = newest(world);
  world.receive(busy, answer("x"));  // the second one rides on it
  world.pass(3s);
  const TransferId third = world.add("http://192.0.2.1/3");
  world.pass(1s);
  world.connected(dialled);
  REQUIRE(world.engine.info(third).conn == dialled);
  const Progress& progress = world.engine.progress(third);
  CHECK(progress.resolved == progress.queued);
  CHECK(progress.connected == progress.queued + 1s);
}

TEST_CASE("timeouts: all that are due at once fire in one call, with one Done each") {
  EngineWorld world;
  std::vector<TransferId> ids;
  for (int i = 0; i < 20; ++i) {
    TransferOptions options = connect_within(1s);
    options.total_timeout = 1s;
    ids.push_back(world.add("http://192.0.2." + std::to_string(i % 3) + "/", options));
  }
  world.pass(1h);
  for (const TransferId id : ids) CHECK(world.done(id));
  check_nothing_left(world);
}
