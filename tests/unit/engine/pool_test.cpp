// Which transfers may share a connection, and what must not pass from one transfer to the next on it.
#include <doctest/doctest.h>

#include "core/cookies.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

std::shared_ptr<const TlsConfig> config_of(TlsOptions options) {
  options.verify_peer = false;
  auto config = TlsConfig::create(std::move(options));
  REQUIRE_MESSAGE(config.has_value(), config.error().message());
  return *config;
}

// How many connections two requests make, the first of which is over and its connection idle.
std::size_t connects_for(std::string_view first_url, TransferOptions first, std::string_view second_url,
                         TransferOptions second) {
  EngineWorld world;
  one_get(world, first_url, std::move(first));
  world.add(second_url, std::move(second));
  return world.connects.size();
}

}  // namespace

TEST_CASE("pool: what is alike shares, what differs in host, port, family or connect_to does not") {
  TransferOptions to_a, to_a_other_port, to_b, ipv4;
  to_a.connect_to = ConnectTo{"192.0.2.8", 80};
  to_a_other_port.connect_to = ConnectTo{"192.0.2.8", 81};
  to_b.connect_to = ConnectTo{"192.0.2.9", 80};
  ipv4.family = AddressFamily::ipv4;
  const std::string_view url = "http://192.0.2.1/";
  CHECK(connects_for(url, {}, url, {}) == 1);
  CHECK(connects_for(url, {}, "http://192.0.2.1:80/other?q", {}) == 1);
  CHECK(connects_for(url, {}, "http://user:secret@192.0.2.1/", {}) == 1);
  CHECK(connects_for(url, {}, "http://192.0.2.2/", {}) == 2);
  CHECK(connects_for(url, {}, "http://192.0.2.1:81/", {}) == 2);
  CHECK(connects_for(url, to_a, url, to_a) == 1);
  CHECK(connects_for(url, {}, url, to_a) == 2);
  CHECK(connects_for(url, to_a, url, to_b) == 2);
  CHECK(connects_for(url, to_a, url, to_a_other_port) == 2);
  CHECK(connects_for(url, to_a, "http://192.0.2.3/", to_a) == 2);  // same peer, other name
  CHECK(connects_for(url, {}, url, ipv4) == 2);
}

TEST_CASE("SB-05 pool: each option of a transfer is part of its place in the pool, or known not to matter there") {
  TransferOptions options;
  // An option that is new does not compile here: it belongs into pool_key(), and into the tests that ask for two
  // connections, or below.
  auto& [tls, connect_to, family, http_versions, route, proxies, socket, proxy_protocol, limits, connect_timeout,
         total_timeout, attempts_timeout, idle_timeout, max_body_bytes, fresh_connection, pipewait, forbid_reuse, http1,
         allow_http0_9, tls_truncation_ok, keep_raw_head, send_url_credentials, redirects, credentials, decoding,
         raw_body, report_heads, resend, retries, expect_continue_from, continue_timeout, cookies, priority,
         user_data] = options;
  // Those that matter, see here, in http2_test.cpp, in route_test.cpp, in proxies_test.cpp, in sockets_test.cpp and in
  // proxy_protocol_test.cpp.
  CHECK((!tls && !connect_to && !route && !proxies && !socket && !proxy_protocol && family == AddressFamily::any));
  CHECK(http_versions == HttpVersions::any);
  connect_timeout = total_timeout = attempts_timeout = idle_timeout = std::chrono::seconds(7);
  max_body_bytes = 1'000;
  http1 = Http1::strict;
  allow_http0_9 = tls_truncation_ok = keep_raw_head = raw_body = true;
  send_url_credentials = pipewait = false;
  redirects = RedirectOptions{};
  credentials = std::make_shared<const Credentials>(Credentials{.user = "me", .password = "secret"});
  decoding = DecodingOptions{};
  retries = RetryOptions{.max_retries = 1};
  resend = false;
  expect_continue_from = 7;
  continue_timeout = std::chrono::seconds(7);
  cookies = CookieJar::create();
  report_heads = true;
  priority = Priority{.urgency = 1};
  user_data = &options;
  CHECK(connects_for("http://192.0.2.1/", {}, "http://192.0.2.1/", options) == 1);
  fresh_connection = true;
  CHECK(connects_for("http://192.0.2.1/", options, "http://192.0.2.1/", {}) == 1);
  CHECK(connects_for("http://192.0.2.1/", {}, "http://192.0.2.1/", options) == 2);
  fresh_connection = false;
  forbid_reuse = true;
  CHECK(connects_for("http://192.0.2.1/", {}, "http://192.0.2.1/", options) == 1);
  CHECK(connects_for("http://192.0.2.1/", options, "http://192.0.2.1/", {}) == 2);
  // Credentials that may log a connection in (ntlm_test.cpp).
  TransferOptions login;
  login.credentials =
      std::make_shared<const Credentials>(Credentials{.user = "me", .password = "secret", .schemes = {.ntlm = true}});
  CHECK(connects_for("http://192.0.2.1/", login, "http://192.0.2.1/", login) == 1);
  CHECK(connects_for("http://192.0.2.1/", login, "http://192.0.2.1/", {}) == 2);
}

TEST_CASE("pool: connect_to says where, the Host field still says what") {
  EngineWorld world;
  TransferOptions options;
  options.connect_to = ConnectTo{"backend.test", 8080};
  world.add("http://example.org/x", options);
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "backend.test");
  world.resolved("192.0.2.8");
  CHECK(newest(world) == world.connects[0].conn);
  CHECK(world.connects[0].address.to_string() == "192.0.2.8:8080");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "GET /x HTTP/1.1\r\nHost: example.org\r\n\r\n");
  options.connect_to = ConnectTo{"", 1};
  CHECK(world.engine.add(EngineWorld::get("http://a/"), options, world.now).error().code == Code::invalid_option);
  options.connect_to = ConnectTo{"a", 0};
  CHECK(world.engine.add(EngineWorld::get("http://a/"), options, world.now).error().code == Code::invalid_option);
  CHECK(world.engine.running() == 1);
}

TEST_CASE("SB-05 SB-43 requests that differ in one TLS option never share a place in the pool") {
  const TlsOptions base;
  std::vector<TlsOptions> others(5);
  others[0].min_version = TlsVersion::tls1_3;
  others[1].max_version = TlsVersion::tls1_2;
  others[2].alpn = {"HTTP/1.1"};  // differs in case alone
  others[3].session_resumption = false;
  others[4].key_log = true;
  EngineOptions engine_options;
  engine_options.max_connections_per_origin = 1;
  EngineWorld world(engine_options);
  TransferOptions options;
  options.tls = config_of(base);
  world.add("https://192.0.2.1/", options);
  REQUIRE(world.connects.size() == 1);
  for (std::size_t i = 0; i < others.size(); ++i) {
    options.tls = config_of(others[i]);
    world.add("https://192.0.2.1/", options);
    CHECK(world.connects.size() == i + 2);  // another origin: the limit of one does not hold it back
  }
  options.tls = config_of(base);  // another object that says the same
  world.add("https://192.0.2.1/", options);
  CHECK(world.connects.size() == others.size() + 1);
}

TEST_CASE("SB-44 an IPv6 zone that differs makes another connection, and the zone reaches the address") {
  CHECK(connects_for("http://[fe80::1%251]/", {}, "http://[fe80::1%251]/", {}) == 1);
  CHECK(connects_for("http://[fe80::1%251]/", {}, "http://[fe80::1%252]/", {}) == 2);
  CHECK(connects_for("http://[fe80::1%251]/", {}, "http://[fe80::1]/", {}) == 2);
  EngineWorld world;
  world.add("http://[fe80::1%25eth0]/");
  CHECK(world.connects.at(0).address.ip.zone == "eth0");
  CHECK(world.resolves.empty());
}

TEST_CASE("SB-45 http then https on the same host and port: a new connection") {
  EngineWorld world;
  const ConnId plain = one_get(world, "http://192.0.2.1:8443/");
  TransferOptions options;
  options.tls = config_of({});
  world.add("https://192.0.2.1:8443/", options);
  REQUIRE(world.connects.size() == 2);
  CHECK(world.engine.transmit(plain).empty());
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).starts_with("\x16\x03"));  // a ClientHello, no request
}

TEST_CASE("SB-46 another trust store is another place in the pool") {
  TlsOptions a, b;
  a.verify_peer = b.verify_peer =
      true;  // no anchors in `a`: nothing is trusted; still another identity than without verification
  auto with = TlsConfig::create(a);
  REQUIRE(with.has_value());
  CHECK((*with)->identity() != config_of(b)->identity());
  EngineOptions engine_options;
  engine_options.max_connections_per_origin = 1;
  EngineWorld world(engine_options);
  TransferOptions options;
  options.tls = *with;
  world.add("https://192.0.2.1/", options);
  options.tls = config_of(b);
  world.add("https://192.0.2.1/", options);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("pool: an https URL without a TLS configuration is refused, with one the engine's default serves") {
  EngineWorld bare;
  const auto refused = bare.engine.add(EngineWorld::get("https://192.0.2.1/"), {}, bare.now);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::tls_config);
  CHECK(refused.error().message().ends_with("(TransferOptions::tls or EngineOptions::default_tls)"));
  CHECK(bare.engine.running() == 0);
  bare.drain();
  EngineOptions options;
  options.default_tls = config_of({});
  EngineWorld world(options);
  world.add("https://192.0.2.1/");
  CHECK(world.connects.size() == 1);
}

TEST_CASE("SB-47 stale, default and made-up ids are harmless everywhere") {
  EngineWorld world;
  const TransferId gone = world.add("http://192.0.2.1/gone");
  const ConnId dead = newest(world);
  world.remove(gone);
  CHECK(closes_of(world, dead) == 1);
  const TransferId alive = world.add("http://192.0.2.1/alive");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  CHECK(conn != dead);

  const TransferId wrong_transfer{alive.index, alive.generation + 1};
  const ConnId wrong_conn{conn.index, conn.generation + 1};
  Engine& engine = world.engine;
  for (const TransferId id :
       {gone, TransferId{}, wrong_transfer, TransferId{4'000'000'000U, 1}, TransferId{alive.index, 0}}) {
    CHECK_FALSE(engine.contains(id));
    CHECK_FALSE(engine.is_done(id));
    CHECK(engine.head(id).status == 0);
    CHECK(engine.request(id).url.text().empty());
    CHECK(engine.trailers(id).empty());
    CHECK(engine.progress(id).received_body_bytes == 0);
    CHECK_FALSE(engine.info(id).conn);
    CHECK(engine.body(id).empty());
    CHECK(engine.upload_space(id).empty());
    engine.consume_body(id, 7, world.now);
    engine.commit_upload(id, 7, world.now);
    engine.finish_upload(id, world.now);
    engine.fail_upload(id, "x", world.now);
    engine.remove(id, world.now);
    CHECK_FALSE(engine.has_output());
    engine.check_invariants();
  }
  for (const ConnId id : {dead, ConnId{}, wrong_conn, ConnId{4'000'000'000U, 1}, ConnId{conn.index, 0}}) {
    CHECK(engine.interest(id) == Interest{});
    CHECK(engine.transmit(id).empty());
    CHECK(engine.receive_space(id).empty());
    engine.handle_connected(id, world.now);
    engine.handle_received(id, 3, world.now);
    engine.handle_sent(id, 3, world.now);
    engine.handle_eof(id, world.now);
    engine.handle_io_error(id, make_error(Code::receive_failed, "x"), world.now);
    CHECK_FALSE(engine.has_output());
    engine.check_invariants();
  }
  for (const ResolveId id : {ResolveId{}, ResolveId{0, 1}, ResolveId{77, 3}}) {
    engine.handle_resolved(id, std::vector<IpAddress>{*IpAddress::parse("192.0.2.66")}, world.now);
    CHECK_FALSE(engine.has_output());
  }
  world.receive(conn, "cd");
  CHECK(world.succeeded(alive));
  CHECK(world.bodies[alive] == "abcd");
}

TEST_CASE("SB-47 an answer to a resolution that nobody waits for any more serves who comes later, and once") {
  EngineWorld world;
  world.remove(world.add("http://example.org/"));
  REQUIRE(world.resolves.size() == 1);
  const ResolveId resolve = world.resolves[0].id;
  world.resolved("192.0.2.7");
  CHECK(world.connects.empty());
  world.engine.handle_resolved(resolve, std::unexpected(make_error(Code::resolve_failed, "late")), world.now);
  world.drain();
  world.add("http://example.org/");
  CHECK(world.resolves.empty());  // remembered
  CHECK(world.connects.size() == 1);
}

TEST_CASE("SB-12 surplus bytes behind a response: the response counts, the connection does not") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const TransferId second = world.add("http://192.0.2.1/2");
  world.receive(conn, answer("one") + answer("poison"));
  CHECK(world.succeeded(first));
  CHECK(world.bodies[first] == "one");
  CHECK(closes_of(world, conn) == 1);
  const ConnId other = go(world);
  REQUIRE(other != conn);
  world.receive(other, answer("two"));
  CHECK(world.succeeded(second));
  CHECK(world.bodies[second] == "two");
}

TEST_CASE("SB-12 bytes on an idle connection: it is discarded") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  REQUIRE(world.engine.interest(conn).read);
  world.receive(conn, answer("poison"));
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.engine.idle_connections() == 0);
  const TransferId next = world.add("http://192.0.2.1/next");
  const ConnId other = go(world);
  REQUIRE(other != conn);
  world.receive(other, answer("good"));
  CHECK(world.bodies[next] == "good");
}

TEST_CASE("SB-12 bytes that come after checkout but before the request's first byte left: never its answer") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  const TransferId next = world.add(with_body("POST", BodyOwned{"data"}));
  CHECK(world.connects.size() == 1);
  CHECK_FALSE(world.engine.transmit(conn).empty());
  world.receive(conn, answer("poison"));
  CHECK(closes_of(world, conn) == 1);
  CHECK_FALSE(world.done(next));
  CHECK(world.bodies[next].empty());
  const ConnId other = newest(world);
  REQUIRE(other != conn);
  world.connected(other);
  CHECK(world.sent(other).ends_with("\r\n\r\ndata"));
  world.receive(other, answer("good"));
  CHECK(world.succeeded(next));
  CHECK(world.bodies[next] == "good");
  CHECK(world.engine.info(next).retries == 1);
  CHECK_FALSE(world.engine.info(next).reused);
}

TEST_CASE("SB-12 a server that speaks before it is asked, on a new connection: an error") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  world.connected(newest(world));
  world.receive(newest(world), answer("eager"));
  CHECK(world.failure(id) == Code::malformed_response);
  CHECK(world.results.at(id).error().retry_safe);
  check_nothing_left(world);
}

TEST_CASE("pool: the most recently used idle connection is taken first") {
  EngineWorld world;
  const TransferId a = world.add("http://192.0.2.1/a");
  const ConnId first = go(world);
  const TransferId b = world.add("http://192.0.2.1/b");
  const ConnId second = go(world);
  world.receive(second, answer("b"));
  world.receive(first, answer("a"));
  CHECK(world.succeeded(a));
  CHECK(world.succeeded(b));
  const TransferId c = world.add("http://192.0.2.1/c");
  CHECK(world.engine.info(c).conn == first);
}

TEST_CASE("pool: fresh_connection takes none that was used, also where it must make room for a new one") {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  EngineWorld world(options);
  const ConnId used = one_get(world);
  TransferOptions fresh;
  fresh.fresh_connection = true;
  const TransferId id = world.add("http://192.0.2.1/", fresh);
  CHECK(closes_of(world, used) == 1);
  const ConnId conn = go(world);
  REQUIRE(conn != used);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.engine.info(id).reused);
}

TEST_CASE("pool: a transfer that waits for a fresh connection is not forgotten when the only one becomes idle") {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  EngineWorld world(options);
  const TransferId busy = world.add("http://192.0.2.1/busy");
  const ConnId used = go(world);
  TransferOptions fresh;
  fresh.fresh_connection = true;
  const TransferId waiting = world.add("http://192.0.2.1/fresh", fresh);
  const TransferId behind = world.add("http://192.0.2.1/behind");
  world.receive(used, answer("x"));
  CHECK(world.succeeded(busy));
  REQUIRE(world.connects.size() == 2);
  const ConnId conn = go(world);
  CHECK(world.engine.info(waiting).conn == conn);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(waiting));
  CHECK(world.sent(conn).starts_with("GET /behind "));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(behind));
}

TEST_CASE("pool: forbid_reuse closes the connection behind its transfer") {
  EngineWorld world;
  TransferOptions last;
  last.forbid_reuse = true;
  const ConnId conn = one_get(world, "http://192.0.2.1/", last);
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.engine.connections() == 0);
}

TEST_CASE("pool: Connection: close on either side ends reuse") {
  EngineWorld world;
  const TransferId said_by_peer = world.add("http://192.0.2.1/");
  const ConnId first = go(world);
  world.receive(first, answer("x", "Connection: close\r\n"));
  CHECK(world.succeeded(said_by_peer));
  CHECK(closes_of(world, first) == 1);
  Request request = EngineWorld::get("http://192.0.2.1/");
  REQUIRE(request.fields.add("Connection", "close").has_value());
  const TransferId said_by_us = world.add(request);
  const ConnId second = go(world);
  world.receive(second, answer("x"));
  CHECK(world.succeeded(said_by_us));
  CHECK(closes_of(world, second) == 1);
  check_nothing_left(world);
}

TEST_CASE("pool: the peer closes an idle connection; it is dropped without an error to anybody") {
  EngineWorld world;
  const ConnId by_eof = one_get(world);
  world.eof(by_eof);
  CHECK(closes_of(world, by_eof) == 1);
  const ConnId by_reset = one_get(world);
  world.io_error(by_reset, Code::receive_failed);
  CHECK(closes_of(world, by_reset) == 1);
  CHECK(world.results.size() == 2);
  check_nothing_left(world);
}

TEST_CASE("pool: a connection whose sponsor was served by another one goes to the next, reused is told truly") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const TransferId second = world.add("http://192.0.2.1/2");
  const ConnId spare = newest(world);
  world.receive(conn, answer("1"));
  CHECK(world.succeeded(first));
  CHECK(world.engine.info(second).reused);
  world.connected(spare);
  CHECK(world.engine.idle_connections() == 1);
  const TransferId third = world.add("http://192.0.2.1/3");
  CHECK(world.engine.info(third).conn == spare);
  CHECK_FALSE(world.engine.info(third).reused);
  CHECK(world.engine.progress(second).connected == world.engine.progress(second).resolved);
}

TEST_CASE("pool: addresses are remembered for a minute, and no name that is too many is") {
  EngineWorld world;
  world.remove(world.add("http://example.org/"));
  world.resolved("192.0.2.7");
  world.pass(std::chrono::seconds(59));
  world.remove(world.add("http://example.org/"));
  CHECK(world.resolves.empty());
  world.pass(std::chrono::seconds(2));
  world.remove(world.add("http://example.org/"));
  CHECK(world.resolves.size() == 1);
  for (int i = 0; i < 300; ++i) world.remove(world.add("http://host" + std::to_string(i) + ".test/"));
  const ResolveId first = world.resolves[0].id;
  world.engine.handle_resolved(first, std::vector{*IpAddress::parse("192.0.2.7")}, world.now);  // was canceled long ago
  world.drain();
  world.add("http://example.org/");
  CHECK(world.resolves.back().host == "example.org");
  CHECK(world.connects.size() == 1);
}
