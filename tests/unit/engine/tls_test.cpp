// One transfer over TLS, all in memory: handshake, verification, ends, uploads and backpressure. What connections pass
// on to the next transfer is in tls_reuse_test.cpp.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

TEST_CASE("engine over TLS: a GET, told in full, however the wire cuts it") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    CAPTURE(step);
    TlsWorld world;
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.connect();
    CHECK(world.engine.interest(conn) == Interest{true, true});
    world.carry(conn, step);
    CHECK(world.server(conn).handshake_done());
    CHECK(world.server(conn).server_name() == "example.org");
    CHECK(world.server(conn).plain() == "GET /x HTTP/1.1\r\nHost: example.org\r\n\r\n");
    const std::string body(100'000, 'b');
    REQUIRE(world.server(conn).write(as_bytes(answer(body))));
    world.carry(conn, step == 1 ? 1'000 : step);
    CHECK(world.succeeded(id));
    CHECK((world.bodies[id] == body));
    const TransferInfo info = world.engine.info(id);
    CHECK(info.tls_version == "TLSv1.3");
    CHECK(info.alpn == "http/1.1");
    CHECK_FALSE(info.tls_cipher.empty());
    CHECK(info.tls_group == "X25519");
    CHECK(info.tls_subject.find("leaf") != std::string::npos);
    CHECK(info.tls_issuer.find("Test Root") != std::string::npos);
    CHECK_FALSE(info.tls_resumed);
    CHECK(info.tls_verified);
    CHECK(info.tls_not_before < info.tls_not_after);
    CHECK(info.proxy_tls.empty());
    const Progress& progress = world.engine.progress(id);
    CHECK(progress.secured.has_value());
    CHECK(progress.received_body_bytes == body.size());
    CHECK(progress.sent.has_value());
    // Again, on the same connection.
    const TransferId again = world.ask();
    CHECK(world.connects.size() == 1);
    world.carry(conn);
    world.answer_with(conn, answer("again"));
    CHECK(world.bodies[again] == "again");
    CHECK(world.engine.info(again).tls_version == "TLSv1.3");
    CHECK(world.engine.info(again).reused);
    check_nothing_left(world);
  }
}

TEST_CASE("SB-53 no byte of a request leaves before the peer was verified; one clear line says why it was not") {
  static const sim::TlsAuthority other = sim::TlsAuthority::make_root("Other Root", kNoon - kDay, kNoon + kDay);
  struct Case {
    TlsOptions options;
    std::string url;
    std::string_view part;
    UnixSeconds wall = kNoon;
  };
  TlsOptions wrong_root;
  wrong_root.trust_anchors_pem = other.certificate_pem();
  for (const Case& one :
       {Case{wrong_root, "https://example.org/", "example.org"}, Case{TlsOptions{}, "https://example.org/", "trust"},
        Case{trusting_options(), "https://example.net/", "example.net"},
        Case{trusting_options(), "https://192.0.2.1/", "192.0.2.1"},
        Case{trusting_options(), "https://example.org/", "expired", kNoon + 400 * kDay}}) {
    TlsWorld world(one.options);
    world.now.wall = one.wall;
    const TransferId id = world.ask(one.url);
    const ConnId conn = world.connect();
    world.carry(conn);
    CHECK(world.failure(id) == Code::tls_certificate);
    const std::string message = world.results.at(id).error().message();
    CAPTURE(message);
    CHECK(message.find(one.part) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(world.results.at(id).error().retry_safe);
    CHECK(world.server(conn).plain().empty());
    CHECK(world.sent(conn).find("GET") == std::string::npos);
    check_nothing_left(world);
  }
}

TEST_CASE("SB-16 over TLS only a close_notify is a clean end") {
  for (const bool clean : {true, false}) {
    for (const bool consume : {true, false}) {
      CAPTURE(clean);
      CAPTURE(consume);
      TlsWorld world;
      world.consume = consume;
      const TransferId id = world.ask();
      const ConnId conn = world.connect();
      world.carry(conn);
      world.answer_with(conn, "HTTP/1.1 200 OK\r\n\r\nto the end");
      CHECK_FALSE(world.done(id));
      if (clean) {
        world.server(conn).close_notify();
        world.carry(conn);
        CHECK(closes_of(world, conn) == 1);
        if (!consume) world.take_body(id);
        world.drain();
        CHECK(world.succeeded(id));
        CHECK(world.bodies[id] == "to the end");
      } else {
        world.eof(conn);
        CHECK(world.failure(id) == Code::truncated);
      }
      check_nothing_left(world);
    }
  }
}

TEST_CASE("SB-16 over TLS a head or a counted body cut short is truncation, with a close_notify too") {
  for (const bool clean : {true, false}) {
    for (const std::string_view part :
         {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}) {
      TlsWorld world;
      const TransferId id = world.ask();
      const ConnId conn = world.connect();
      world.carry(conn);
      world.answer_with(conn, part);
      if (clean) world.server(conn).close_notify();
      world.carry(conn);
      world.eof(conn);
      CHECK(world.failure(id) == Code::truncated);
      check_nothing_left(world);
    }
  }
}

TEST_CASE("engine over TLS: an end in the middle of the handshake is the handshake's failure") {
  for (std::size_t bytes : {std::size_t{0}, std::size_t{5}, std::size_t{200}}) {
    TlsWorld world;
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.to_server(conn);
    world.to_client(conn, bytes);
    world.eof(conn);
    CHECK(world.failure(id) == Code::tls_handshake);
    CHECK(world.results.at(id).error().message().find("192.0.2.1:443") != std::string::npos);
    check_nothing_left(world);
  }
  TlsWorld world;
  const TransferId reset = world.ask();
  world.io_error(world.connect(), Code::receive_failed);
  CHECK(world.failure(reset) == Code::tls_handshake);
  const TransferId plain = world.ask();
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.receive(conn, "HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(world.failure(plain) == Code::tls_handshake);
  CHECK(world.results.at(plain).error().message().find("plain HTTP") != std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: a broken record after the handshake ends the transfer, what came before it counts") {
  TlsWorld world;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  REQUIRE(world.server(conn).write(as_bytes("defghij")));
  world.server(conn).output().back() ^= 1;
  world.carry(conn);
  CHECK(world.failure(id) == Code::tls_failed);
  CHECK(world.bodies[id] == "abc");
  check_nothing_left(world);
}

TEST_CASE("engine over TLS: a large upload with a wire that takes little, and a bounded buffer") {
  for (const bool streamed : {false, true}) {
    CAPTURE(streamed);
    TlsWorld world;
    std::string bytes(700'000, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i * i % 23);
    RequestBody body = BodyView{as_bytes(bytes)};
    if (streamed) body = BodyStream{.length = bytes.size()};
    const TransferId id = world.add(with_body("PUT", std::move(body), "https://example.org/"), world.options);
    const ConnId conn = world.connect();
    world.to_server(conn);
    world.to_client(conn);
    std::size_t given = 0;
    for (int i = 0; i < 100'000 && world.engine.interest(conn).write; ++i) {
      if (streamed && given < bytes.size()) given += supply(world, id, std::string_view{bytes}.substr(given, 17'000));
      std::size_t waiting = 0;
      const OutputView view = world.engine.transmit(conn);
      for (std::size_t j = 0; j < view.count; ++j) waiting += view.spans[j].size();
      CHECK(waiting <= limits::kWireOutBytes + limits::kTlsRecordBytes);
      world.to_server(conn, 3'001);
    }
    const std::string& plain = world.server(conn).plain();
    const std::size_t head = plain.find("\r\n\r\n");
    REQUIRE(head != std::string::npos);
    CHECK((plain.substr(head + 4) == bytes));
    CHECK(world.engine.progress(id).sent_body_bytes == bytes.size());
    CHECK(world.engine.progress(id).sent.has_value());
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.idle_connections() == 1);
  }
}

TEST_CASE("engine over TLS: Expect and its timer work as without") {
  TlsWorld world;
  Request request = with_body("PUT", BodyOwned{"payload"}, "https://example.org/");
  REQUIRE(request.fields.add("Expect", "100-continue").has_value());
  const TransferId id = world.add(request, world.options);
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.server(conn).plain().ends_with("\r\n\r\n"));
  world.pass(1s);
  world.carry(conn);
  CHECK(world.server(conn).plain().ends_with("\r\n\r\npayload"));
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("engine over TLS: backpressure stops reading, and nothing is lost in the layer") {
  TlsWorld world;
  world.consume = false;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  const std::string body(500'000, 'z');
  REQUIRE(world.server(conn).write(as_bytes(answer(body))));
  int pauses = 0;
  for (int i = 0; i < 1'000 && !world.done(id); ++i) {
    world.carry(conn);
    if (!world.engine.interest(conn).read) ++pauses;
    CHECK(world.engine.body(id).size() <= limits::kLandingBytes);
    world.take_body(id, 30'000);
    world.drain();
  }
  CHECK(world.succeeded(id));
  CHECK((world.bodies[id] == body));
  CHECK(pauses > 2);
}

TEST_CASE("engine over TLS: key log lines come out where they were asked for, and nowhere else") {
  TlsOptions tls = trusting_options();
  for (const bool wanted : {true, false}) {
    tls.key_log = wanted;
    TlsWorld world(tls);
    world.one_whole_get();
    CHECK(world.key_log.empty() == !wanted);
    for (const std::string& line : world.key_log) CHECK(line.find('\n') == std::string::npos);
    if (wanted) {
      CHECK(std::ranges::any_of(world.key_log,
                                [](const std::string& line) { return line.starts_with("CLIENT_TRAFFIC_SECRET_0 "); }));
    }
  }
}

TEST_CASE("engine over TLS: bytes the layer holds and the peer does not take are the peer's idleness") {
  TlsWorld world;
  world.options.idle_timeout = 10s;
  const TransferId id = world.add(with_body("PUT", BodyStream{}, "https://example.org/"), world.options);
  const ConnId conn = world.connect();
  world.carry(conn);
  for (int i = 0; i < 5; ++i) world.pass(9s);
  CHECK_FALSE(world.done(id));  // it is the application that has_deferred something
  supply(world, id, "bytes");
  CHECK(world.engine.interest(conn).write);
  for (int i = 0; i < 25 && !world.done(id); ++i) world.pass(1s);
  CHECK(world.failure(id) == Code::idle_timeout);
  check_nothing_left(world);
}

TEST_CASE(
    "engine over TLS: who takes a connection over in the middle of its handshake is told of it, also if that fails") {
  EngineOptions limits;
  limits.max_connections_per_origin = 1;
  EngineWorld world(limits);
  TransferOptions options;
  options.tls = make_config(trusting_options());
  const TransferId first = world.add("https://192.0.2.1/", options), second = world.add("https://192.0.2.1/", options);
  const ConnId conn = newest(world);
  world.connected(conn);
  world.remove(first);
  CHECK(world.engine.info(second).conn == conn);
  CHECK(world.engine.progress(second).connected.has_value());
  world.eof(conn);
  CHECK(world.failure(second) == Code::tls_handshake);
  CHECK(world.engine.info(second).address == world.connects.front().address);
}
