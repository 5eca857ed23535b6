// Requests that go with the ClientHello (TLS early data): which do, and what follows when the server accepts or refuses
// them.
#include <doctest/doctest.h>

#include "core/cookies.hpp"
#include "tests/support/engine_tls_world.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

sim::TlsServerOptions early_origin() {
  sim::TlsServerOptions options = example_server();
  options.early_data = true;
  return options;
}

TlsOptions early_options() {
  TlsOptions options = trusting_options();
  options.early_data = true;
  return options;
}

// Has two tickets for example.org that allow early data, and no connection.
struct EarlyWorld : TlsWorld {
  explicit EarlyWorld(const TlsOptions& tls = early_options()) : TlsWorld(tls, early_origin()) {
    one_whole_get();
    engine.close_idle_connections(now);
    drain();
  }
  // A connection is begun for the transfer; what it sends is with the server, which says nothing yet.
  ConnId call(bool refuse = false) {
    const ConnId conn = connect();
    if (refuse) server(conn).refuse_early_data();
    to_server(conn);
    return conn;
  }
};

constexpr std::string_view kHead = "GET /x HTTP/1.1\r\nHost: example.org\r\n\r\n";

}  // namespace

TEST_CASE("early data: a GET is at the server before the handshake is over, once") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    EarlyWorld world;
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.call();
    CHECK(world.server(conn).plain() == kHead);
    CHECK_FALSE(world.server(conn).handshake_done());
    REQUIRE(world.server(conn).write(as_bytes(answer("early"))));
    CHECK(world.heads.size() == 1);  // that of the first visit
    world.carry(conn, step);
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == "early");
    CHECK(world.server(conn).plain() == kHead);
    const TransferInfo info = world.engine.info(id);
    CHECK(info.early_bytes == kHead.size());
    CHECK(info.early_accepted);
    CHECK(info.tls_resumed);
    CHECK(info.tls_version == "TLSv1.3");
    const Progress& progress = world.engine.progress(id);
    CHECK(progress.sent.has_value());
    CHECK(progress.sent_head_bytes == kHead.size());
    // The connection carries the next request as any other.
    const TransferId next = world.ask("https://example.org/x");
    world.carry(conn, step);
    world.answer_with(conn, answer("later"));
    CHECK(world.bodies[next] == "later");
    CHECK(world.engine.info(next).early_bytes == 0);
    CHECK_FALSE(world.engine.info(next).early_accepted);
    check_nothing_left(world);
  }
}

TEST_CASE("early data that is refused is sent again on the same connection") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    EarlyWorld world;
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.call(true);
    CHECK(world.server(conn).plain().empty());
    world.carry(conn, step);
    CHECK(world.server(conn).plain() == kHead);
    CHECK(world.server(conn).early_bytes() == 0);
    world.answer_with(conn, answer("late"));
    CHECK(world.bodies[id] == "late");
    CHECK(world.engine.info(id).early_bytes == kHead.size());
    CHECK_FALSE(world.engine.info(id).early_accepted);
    CHECK(world.engine.info(id).retries == 0);
    CHECK(world.connects.size() == 2);
    check_nothing_left(world);
  }
}

TEST_CASE("nothing goes early if HTTP/2 is known or required: its bytes are not those of HTTP/1") {
  for (const HttpVersions versions : {HttpVersions::http2_prior_knowledge, HttpVersions::at_least_http2}) {
    EarlyWorld world;
    world.options.http_versions = versions;
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.call();
    CHECK(world.server(conn).plain().empty());
    CHECK(world.engine.info(id).early_bytes == 0);
  }
}

TEST_CASE("only what is safe, and has no body, goes early") {
  EarlyWorld world;
  for (const std::string_view method : {"POST", "PUT", "DELETE", "PATCH", "get"}) {
    CAPTURE(method);
    const TransferId id = world.add(EngineWorld::get("https://example.org/x", method), world.options);
    const ConnId conn = world.call();
    CHECK(world.server(conn).plain().empty());
    world.carry(conn);
    CHECK(world.server(conn).plain().starts_with(method));
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.info(id).early_bytes == 0);
    world.engine.close_idle_connections(world.now);
    world.drain();
  }
  Request with_body = EngineWorld::get("https://example.org/x");
  with_body.body = BodyOwned{"body"};
  const TransferId id = world.add(std::move(with_body), world.options);
  const ConnId conn = world.call();
  CHECK(world.server(conn).plain().empty());
  world.carry(conn);
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("without the option nothing goes early, and its sessions are others") {
  EarlyWorld world;
  world.options.tls = make_config(trusting_options());
  for (int i = 0; i < 2; ++i) {
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.call();
    CHECK(world.server(conn).plain().empty());
    world.carry(conn);
    world.answer_with(conn, answer("x"));
    CHECK(world.engine.info(id).tls_resumed == (i == 1));
    CHECK(world.engine.info(id).early_bytes == 0);
    world.engine.close_idle_connections(world.now);
    world.drain();
  }
}

TEST_CASE("a 425 to early data: the request is sent again on another connection, not early") {
  EarlyWorld world;
  const TransferId id = world.ask("https://example.org/x");
  const ConnId conn = world.call();
  REQUIRE(world.server(conn).write(as_bytes("HTTP/1.1 425 Too Early\r\nContent-Length: 3\r\n\r\nno\n")));
  world.carry(conn);
  CHECK_FALSE(world.done(id));
  CHECK(world.heads.size() == 1);
  const ConnId next = world.call();
  CHECK(next != conn);
  CHECK(world.server(next).plain().empty());
  world.carry(next);
  CHECK(world.server(next).plain() == kHead);
  CHECK(world.server(next).early_bytes() == 0);
  SUBCASE("which is answered") {
    world.answer_with(next, answer("now"));
    CHECK(world.bodies[id] == "now");
    CHECK(world.engine.info(id).early_bytes == 0);
    CHECK(world.engine.info(id).retries == 1);
  }
  SUBCASE("where 425 is an answer like any other") {
    world.answer_with(next, "HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\n\r\n");
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 425);
  }
  check_nothing_left(world);
}

TEST_CASE("a 425 without early data is an answer like any other") {
  EarlyWorld world;
  world.options.tls = make_config(trusting_options());
  const TransferId id = world.ask();
  const ConnId conn = world.call();
  world.carry(conn);
  world.answer_with(conn, "HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\n\r\n");
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 425);
}

TEST_CASE("a transfer that is gone leaves its early request to nobody") {
  EarlyWorld world;
  const TransferId first = world.ask("https://example.org/x");
  const ConnId conn = world.call();
  CHECK(world.server(conn).plain() == kHead);
  EngineLimits one;
  one.max_connections_per_origin = 1;
  world.engine.set_limits(one, world.now);
  world.drain();
  const TransferId second = world.ask("https://example.org/y");  // waits
  world.remove(first);
  CHECK(closes_of(world, conn) == 1);
  const ConnId next = world.call();
  CHECK(next != conn);
  CHECK(world.server(next).plain().starts_with("GET /y"));
  REQUIRE(world.server(next).write(as_bytes(answer("y"))));
  world.carry(next);
  CHECK(world.bodies[second] == "y");
  check_nothing_left(world);
}

TEST_CASE("a dial through a tunnel that is taken over sends no early request of the transfer that began it") {
  TlsWorld world(early_options(), early_origin());
  world.options.proxies = through(proxy_at(ProxyKind::http)).proxies;
  const auto open_tunnel = [&](ConnId conn) {
    CHECK(world.sent(conn).starts_with("CONNECT example.org:443"));
    world.receive(conn, "HTTP/1.1 200 OK\r\n\r\n");
  };
  world.ask();
  const ConnId visit = world.connect();
  open_tunnel(visit);
  world.carry(visit);
  world.answer_with(visit, answer("x"));
  world.engine.close_idle_connections(world.now);
  EngineLimits one;
  one.max_connections_per_origin = 1;
  world.engine.set_limits(one, world.now);
  world.drain();
  const TransferId first = world.ask("https://example.org/x");
  const ConnId conn = world.connect();
  const TransferId second = world.ask("https://example.org/y");
  SUBCASE("before the proxy has answered") {
    world.remove(first);
    CHECK(closes_of(world, conn) == 0);
    open_tunnel(conn);
    world.to_server(conn);
    CHECK(world.server(conn).plain().empty());
    world.carry(conn);
    CHECK(world.server(conn).plain().starts_with("GET /y"));
    world.answer_with(conn, answer("y"));
    CHECK(world.bodies[second] == "y");
    CHECK(world.engine.info(second).early_bytes == 0);
  }
  SUBCASE("after it has, and the request is with the server") {
    open_tunnel(conn);
    world.to_server(conn);
    CHECK(world.server(conn).plain().starts_with("GET /x"));
    world.remove(first);
    CHECK(closes_of(world, conn) == 1);
  }
}

TEST_CASE("what is tried again after a failure does not go early") {
  EarlyWorld world;
  world.options.retries.emplace().max_retries = 1;
  const TransferId id = world.ask("https://example.org/x");
  const ConnId conn = world.call();
  CHECK(world.server(conn).plain() == kHead);
  REQUIRE(world.server(conn).write(as_bytes("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")));
  world.carry(conn);
  world.pass(10s);
  const ConnId next = world.call();
  REQUIRE(next != conn);
  CHECK(world.server(next).plain().empty());
  world.carry(next);
  CHECK(world.server(next).plain() == kHead);
  world.answer_with(next, answer("now"));
  CHECK(world.bodies[id] == "now");
  CHECK(world.engine.info(id).early_bytes == 0);
}

TEST_CASE("a handshake that fails after early data is made again on another connection, without a session") {
  for (const bool cut : {true, false}) {
    CAPTURE(cut);
    EarlyWorld world;
    const TransferId id = world.ask("https://example.org/x");
    const ConnId conn = world.call();
    if (cut) {
      world.eof(conn);
    } else {
      world.receive(conn, as_text(Bytes(plain_alert(80))));
    }
    CHECK_FALSE(world.done(id));
    CHECK(closes_of(world, conn) == 1);
    const ConnId next = world.call();
    CHECK(world.server(next).plain().empty());
    world.carry(next);
    world.answer_with(next, answer("x"));
    CHECK(world.bodies[id] == "x");
    CHECK_FALSE(world.engine.info(id).tls_resumed);
    CHECK(world.engine.info(id).early_bytes == 0);
    check_nothing_left(world);
  }
}

TEST_CASE("if that fails too, so does the transfer") {
  EarlyWorld world;
  const TransferId id = world.ask("https://example.org/x");
  world.eof(world.call());
  world.eof(world.call());
  CHECK(world.failure(id) == Code::tls_handshake);
  check_nothing_left(world);
}

TEST_CASE("the connect timeout covers the handshake after early data as well") {
  EarlyWorld world;
  world.options.connect_timeout = 5s;
  const TransferId id = world.ask("https://example.org/x");
  world.call();
  world.pass(6s);
  CHECK(world.failure(id) == Code::connect_timeout);
  check_nothing_left(world);
}

TEST_CASE("the Cookie field is the one that was sent, whatever the jar has by then") {
  EarlyWorld world;
  world.options.cookies = CookieJar::create();
  world.options.report_heads = true;
  const auto url = *Url::parse("https://example.org/");
  const auto receive = [&](std::string_view value) {
    Fields fields;
    REQUIRE(fields.add("Set-Cookie", value));
    world.options.cookies->receive(url, fields, world.now);
  };
  receive("a=1");
  const TransferId id = world.ask("https://example.org/x");
  const ConnId conn = world.call();
  CHECK(world.server(conn).plain().contains("Cookie: a=1\r\n"));
  receive("b=2");
  REQUIRE(world.server(conn).write(as_bytes(answer("x"))));
  world.carry(conn);
  CHECK(world.bodies[id] == "x");
  REQUIRE(world.heads_sent.size() == 1);
  CHECK(world.heads_sent[0].head == world.server(conn).plain());
}

TEST_CASE("early data: a priority that changes while the request may be at the server does not change the request") {
  EarlyWorld world;
  world.options.priority = Priority{.urgency = 1};
  const TransferId id = world.ask("https://example.org/x");
  world.engine.set_priority(id, {.urgency = 2}, world.now);  // nothing has gone yet
  const ConnId conn = world.call();
  const std::string sent = world.server(conn).plain();
  CHECK(sent.find("Priority: u=2\r\n") != std::string::npos);
  world.engine.set_priority(id, {.urgency = 5}, world.now);
  CHECK(world.engine.request(id).fields.find("Priority") == "u=2");
  world.carry(conn);
  CHECK(world.server(conn).plain() == sent);
  // The field is still known to be no one's but the engine's.
  world.engine.set_priority(id, {.urgency = 6}, world.now);
  CHECK(world.engine.request(id).fields.find("Priority") == "u=6");
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
}
