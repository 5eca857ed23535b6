// What a TLS connection passes on to the next transfer, or must not: sessions, tickets, surplus bytes, and bytes that
// were never sent.
#include <doctest/doctest.h>

#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("SB-53 an impostor with a cached session of the true one at hand gets nothing") {
  TlsWorld world;
  const ConnId true_one = world.one_whole_get();
  world.server(true_one).close_notify();
  world.carry(true_one);
  CHECK(world.engine.connections() == 0);
  static const sim::TlsAuthority evil = sim::TlsAuthority::make_root("Evil Root", kNoon - kDay, kNoon + kDay);
  const sim::CertificateAndKey made = evil.issue(leaf_spec({"example.org"}));
  sim::TlsServerOptions impostor;
  impostor.certificate_pem = made.certificate_pem;
  impostor.key_pem = made.key_pem;
  world.context = make_context(impostor);
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.failure(id) == Code::tls_certificate);
  CHECK(world.server(conn).plain().empty());
}

TEST_CASE("SB-06 SB-46 sessions resume over connections, for the same configuration only") {
  for (const TlsVersion version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
    CAPTURE(static_cast<int>(version));
    TlsOptions tls = trusting_options();
    tls.max_version = version;
    TlsWorld world(tls);
    const ConnId first = world.one_whole_get();
    world.eof(first);
    CHECK(world.engine.connections() == 0);
    const TransferId again = world.ask();
    const ConnId second = world.connect();
    world.carry(second);
    CHECK(world.server(second).resumed());
    world.answer_with(second, answer("x"));
    CHECK(world.succeeded(again));
    CHECK(world.engine.info(again).tls_resumed);
    world.eof(second);
    TlsOptions other = tls;
    other.alpn = {};
    world.options.tls = make_config(other);
    const TransferId differs = world.ask();
    const ConnId third = world.connect();
    world.carry(third);
    CHECK_FALSE(world.server(third).resumed());
    world.answer_with(third, answer("x"));
    CHECK_FALSE(world.engine.info(differs).tls_resumed);
  }
}

TEST_CASE("SB-12 over TLS: bytes after checkout and before the request's first byte left are not its answer") {
  TlsWorld world;
  const ConnId conn = world.one_whole_get();
  const TransferId next = world.ask();
  CHECK(world.connects.size() == 1);
  CHECK_FALSE(world.engine.transmit(conn).empty());
  REQUIRE(world.server(conn).write(as_bytes(answer("poison"))));
  world.to_client(conn);
  CHECK(closes_of(world, conn) == 1);
  CHECK_FALSE(world.done(next));
  const ConnId other = world.connect();
  REQUIRE(other != conn);
  world.carry(other);
  world.answer_with(other, answer("good"));
  CHECK(world.bodies[next] == "good");
}

TEST_CASE("SB-12 over TLS: surplus behind a response, and on an idle connection") {
  TlsWorld world;
  const TransferId first = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, answer("one") + answer("poison"));
  CHECK(world.bodies[first] == "one");
  CHECK(closes_of(world, conn) == 1);
  const ConnId idle = world.one_whole_get();
  REQUIRE(world.server(idle).write(as_bytes(answer("poison"))));
  world.to_client(idle);
  CHECK(closes_of(world, idle) == 1);
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: a close_notify behind a response ends reuse, and an idle connection") {
  TlsWorld world;
  const TransferId first = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  const TransferId second = world.ask();
  REQUIRE(world.connects.size() == 2);
  REQUIRE(world.server(conn).write(as_bytes(answer("x"))));
  world.server(conn).close_notify();
  world.carry(conn);
  CHECK(world.succeeded(first));
  CHECK(closes_of(world, conn) == 1);
  const ConnId other = world.connect();
  world.carry(other);
  world.answer_with(other, answer("y"));
  CHECK(world.bodies[second] == "y");
  CHECK(world.engine.idle_connections() == 1);
  world.server(other).close_notify();
  world.to_client(other);
  CHECK(closes_of(world, other) == 1);
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: tickets that come late, on an idle connection, do no harm and are kept") {
  TlsWorld world;
  const TransferId first = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  const TransferId second = world.ask();  // dials its own
  const ConnId spare = world.connect();
  world.to_server(spare);
  world.answer_with(conn, answer("1"));
  CHECK(world.succeeded(first));
  world.carry(conn);
  world.answer_with(conn, answer("2"));
  CHECK(world.succeeded(second));
  world.carry(spare);
  CHECK(world.engine.idle_connections() == 2);
  // The server writes its tickets in front of the first data it sends: everything but the last record.
  const TransferId third = world.ask();
  CHECK(world.engine.info(third).conn == spare);
  world.carry(spare);
  CHECK(world.server(spare).plain().starts_with("GET "));
  REQUIRE(world.server(spare).write(as_bytes(answer("3"))));
  const std::vector<std::uint8_t> wire = std::exchange(world.server(spare).output(), {});
  std::size_t last = 0;
  for (std::size_t at = 0; at < wire.size(); at += 5U + wire[at + 3] * 256U + wire[at + 4]) last = at;
  REQUIRE(last > 0);
  for (std::size_t at = 0; at < last; ++at) world.receive(spare, as_text(Bytes(wire).subspan(at, 1)));
  CHECK_FALSE(world.done(third));
  CHECK(closes_of(world, spare) == 0);
  world.receive(spare, as_text(Bytes(wire).subspan(last)));
  CHECK(world.bodies[third] == "3");
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: tickets on a connection that nobody uses any more leave it idle") {
  TlsWorld world;
  const TransferId first = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  const TransferId second = world.ask();
  const ConnId spare = world.connect();
  world.answer_with(conn, answer("1"));
  world.carry(conn);
  world.answer_with(conn, answer("2"));
  CHECK(world.succeeded(first));
  CHECK(world.succeeded(second));
  world.carry(spare);
  REQUIRE(world.engine.idle_connections() == 2);
  REQUIRE(world.server(spare).write(as_bytes("x")));
  const std::vector<std::uint8_t> wire = std::exchange(world.server(spare).output(), {});
  std::size_t last = 0;
  for (std::size_t at = 0; at < wire.size(); at += 5U + wire[at + 3] * 256U + wire[at + 4]) last = at;
  REQUIRE(last > 0);
  for (std::size_t at = 0; at < last; ++at) {
    world.receive(spare, as_text(Bytes(wire).subspan(at, 1)));
    REQUIRE(world.engine.idle_connections() == 2);
  }
  world.receive(spare, as_text(Bytes(wire).subspan(last)));  // and the data behind them is for nobody (SB-12)
  CHECK(closes_of(world, spare) == 1);
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: a close says goodbye where the wire can take it") {
  TlsWorld world;
  const ConnId conn = world.one_whole_get();
  world.engine.close_idle_connections(world.now);
  std::string last;
  while (auto out = world.engine.poll_output()) {
    if (!std::holds_alternative<output::Close>(*out)) continue;
    const OutputView view = world.engine.transmit(conn);
    for (std::size_t i = 0; i < view.count; ++i) last += as_text(view.spans[i]);
    CHECK(world.engine.interest(conn) == Interest{});
  }
  world.server(conn).feed(as_bytes(last));
  CHECK(world.server(conn).peer_closed());
}

TEST_CASE("SB-48 over TLS: what was handed to the layer and not to the wire never leaves with the close") {
  for (const bool canceled : {true, false}) {
    CAPTURE(canceled);
    TlsWorld world;
    const ConnId conn = world.one_whole_get();
    const TransferId id = world.add(with_body("POST", BodyOwned{"pay once"}, "https://example.org/"), world.options);
    REQUIRE(world.connects.size() == 1);
    const std::string before = world.server(conn).plain();
    if (canceled) {
      world.engine.remove(id, world.now);
    } else {
      REQUIRE(world.server(conn).write(as_bytes("poison")));
      const std::vector<std::uint8_t> wire = std::exchange(world.server(conn).output(), {});
      std::memcpy(world.engine.receive_space(conn).data(), wire.data(), wire.size());
      world.engine.handle_received(conn, wire.size(), world.now);  // it is tried again on another connection
    }
    bool closed = false;
    while (auto out = world.engine.poll_output()) {
      if (const auto* connect = std::get_if<output::Connect>(&*out)) world.connects.push_back(*connect);
      if (!std::holds_alternative<output::Close>(*out)) continue;
      closed = true;
      const OutputView view = world.engine.transmit(conn);
      for (std::size_t i = 0; i < view.count; ++i) world.server(conn).feed(view.spans[i]);
    }
    CHECK(closed);
    CHECK(world.server(conn).plain() == before);
    CHECK(world.connects.size() == (canceled ? 1 : 2));
  }
}

TEST_CASE("SB-12 over TLS: an answer before the wire took the whole request ends the connection, as without TLS") {
  TlsWorld world;
  const TransferId id =
      world.add(with_body("POST", BodyOwned{std::string(20'000, 'u')}, "https://example.org/"), world.options);
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.to_client(conn);
  world.to_server(conn, 10'000);  // the layer has taken it all, the wire a part
  REQUIRE(world.server(conn).write(as_bytes(answer("early"))));
  world.to_client(conn);
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "early");
  CHECK(closes_of(world, conn) == 1);
  check_nothing_left(world);
}

TEST_CASE("TLS: a session whose offer ended in a connection that was cut is not offered again") {
  TlsOptions tls = trusting_options();
  tls.max_version = TlsVersion::tls1_2;  // whose sessions serve more than once
  TlsWorld world(tls);
  world.options.forbid_reuse = true;
  const TransferId first = world.ask();
  world.carry(world.connect());
  world.answer_with(newest(world), answer("x"));
  REQUIRE(world.succeeded(first));
  const TransferId second = world.ask();
  const ConnId cut = world.connect();
  world.sent(cut);
  world.eof(cut);
  CHECK(world.failure(second) == Code::tls_handshake);
  const TransferId third = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(third));
  CHECK_FALSE(world.engine.info(third).tls_resumed);
}

TEST_CASE("tls: a connection counts for the transfer that it was made for, unless it carries another's request only") {
  TlsWorld world;
  SUBCASE("its handshake fails") {
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    CHECK(world.engine.info(id).connections == 1);
    world.eof(conn);
    CHECK(world.done(id));
    CHECK(world.engine.info(id).conn == conn);
    CHECK(world.engine.info(id).connections == 1);
  }
  SUBCASE("it is used") {
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    world.answer_with(conn, answer("x"));
    CHECK(world.engine.info(id).connections == 1);
    const TransferId again = world.ask();
    CHECK(world.engine.info(again).connections == 0);
  }
  SUBCASE("another one is free earlier") {
    const TransferId first = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    const TransferId second = world.ask();
    const ConnId other = world.connect();
    CHECK(world.engine.info(second).connections == 1);
    world.answer_with(conn, answer("x"));
    REQUIRE(world.succeeded(first));
    CHECK(world.engine.info(second).conn == conn);
    CHECK(world.engine.info(second).connections == 0);
    const TransferId third = world.ask();
    world.carry(other);
    CHECK(world.engine.info(third).conn == other);
    CHECK(world.engine.info(third).connections == 1);
  }
}
