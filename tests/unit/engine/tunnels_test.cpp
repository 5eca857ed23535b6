// Connections that proxies lead to their origin: CONNECT, SOCKS, TLS to the proxy and in the tunnel, chains.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/engine_tls_world.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

constexpr std::string_view kOpened = "HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n";  // SB-40

Proxy tunnel_proxy() {
  Proxy proxy = proxy_at(ProxyKind::http);
  proxy.tunnel = true;
  return proxy;
}

Proxy with_login(Proxy proxy, AuthSchemes schemes = {}) {
  proxy.user = "me";
  proxy.password = "secret";
  proxy.schemes = schemes;
  return proxy;
}

std::string refusal(std::string_view fields) { return "HTTP/1.1 407 Who are you\r\n" + std::string(fields) + "\r\n"; }

// One GET of this URL, whose tunnel is open.
void check_get_in_tunnel(EngineWorld& world, TransferId id, ConnId conn) {
  CHECK(world.sent(conn) == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

}  // namespace

TEST_CASE("SB-04 tunnels: CONNECT has what is meant for the proxy, the request what is meant for the origin") {
  EngineWorld world;
  Proxy proxy = with_login(tunnel_proxy());
  REQUIRE(proxy.fields.add("User-Agent", "for the proxy").has_value());
  Request request = EngineWorld::get("http://example.org/");
  REQUIRE(request.fields.add("Cookie", "a=b").has_value());
  REQUIRE(request.fields.add("Proxy-Authorization", "Own").has_value());
  const TransferId id = world.add(std::move(request), through(proxy));
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn) ==
        "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"
        "User-Agent: for the proxy\r\n\r\n");
  world.receive(conn, kOpened);
  CHECK(world.sent(conn) == "GET / HTTP/1.1\r\nHost: example.org\r\nCookie: a=b\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).connect_status == 200);
  CHECK(world.engine.info(id).proxy == "http://192.0.2.99:3128");
  // The tunnel is used again, for this origin alone.
  world.add("http://example.org/again", through(proxy));
  CHECK(world.sent(conn) == "GET /again HTTP/1.1\r\nHost: example.org\r\n\r\n");
  world.add("http://example.net/", through(proxy));
  CHECK(world.connects.size() == 2);
}

TEST_CASE("tunnels: connect_to is where the proxy leads") {
  EngineWorld world;
  TransferOptions options = through(proxy_at(ProxyKind::http));
  options.connect_to = ConnectTo{"backend.example", 8080};
  world.add("http://example.org/", options);
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn).starts_with("CONNECT backend.example:8080 HTTP/1.1\r\n"));
  world.receive(conn, kOpened);
  CHECK(world.sent(conn) == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
}

TEST_CASE("tunnels: what comes before the request is surplus, and ends the connection") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/", through(tunnel_proxy()));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn);
  world.receive(conn, std::string(kOpened) + answer("injected"));
  CHECK_FALSE(world.succeeded(id));
  CHECK(closes_of(world, conn) == 1);
}

TEST_CASE("SB-41 tunnels: a refused tunnel is an error with the proxy's status, at every split") {
  const std::string refused = "HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\nbody";
  for (std::size_t at = 0; at <= refused.size(); ++at) {
    EngineWorld world;
    const TransferId id = world.add("http://example.org/", through(tunnel_proxy()));
    const ConnId conn = newest(world);
    world.connected(conn);
    world.sent(conn);
    world.receive(conn, refused.substr(0, at));
    world.receive(conn, refused.substr(at));
    REQUIRE(world.failure(id) == Code::tunnel_failed);
    CHECK(world.results.at(id).error().detail == 403);
    CHECK(
        world.results.at(id).error().context ==
        "GET http://example.org/: proxy http://192.0.2.99:3128 to example.org:80: it answered with status 403 (Forbidden)");
    CHECK(world.engine.info(id).connect_status == 403);
    CHECK(world.engine.head(id).status == 0);
    check_nothing_left(world);
  }
}

TEST_CASE("tunnels: a proxy that closes, or does not answer") {
  EngineWorld world;
  TransferOptions options = through(tunnel_proxy());
  options.connect_timeout = std::chrono::seconds(1);
  const TransferId closed = world.add("http://example.org/", options);
  world.connected(newest(world));
  world.sent(newest(world));
  world.eof(newest(world));
  CHECK(world.results.at(closed).error().context ==
        "GET http://example.org/: CONNECT with 192.0.2.99:3128: the peer closed the connection");
  CHECK(world.failure(closed) == Code::tunnel_failed);
  const TransferId silent = world.add("http://example.org/", options);
  world.connected(newest(world));
  world.sent(newest(world));
  world.pass(std::chrono::seconds(1));
  CHECK(world.results.at(silent).error().context ==
        "GET http://example.org/: CONNECT with proxy 192.0.2.99:3128: not finished within 1000 ms");
  check_nothing_left(world);
}

TEST_CASE("tunnels: a challenge is answered on the same connection, after its content") {
  const std::string challenge =
      refusal("Proxy-Authenticate: Digest realm=p, nonce=n1, qop=\"auth\"\r\nContent-Length: 4\r\n");
  for (const std::size_t split : {std::size_t{0}, std::size_t{30}, challenge.size(), challenge.size() + 2}) {
    EngineWorld world;
    const TransferId id =
        world.add("http://example.org/", through(with_login(tunnel_proxy(), {.basic = false, .digest = true})));
    const ConnId conn = newest(world);
    world.connected(conn);
    CHECK_FALSE(world.sent(conn).contains("Proxy-Authorization"));
    const std::string whole = challenge + "body";
    world.receive(conn, whole.substr(0, split));
    world.receive(conn, whole.substr(split));
    const std::string second = world.sent(conn);
    CHECK(second.starts_with("CONNECT example.org:80 HTTP/1.1\r\n"));
    CHECK(second.contains("Proxy-Authorization: Digest username=\"me\""));
    CHECK(second.contains("uri=\"example.org:80\""));
    world.receive(conn, kOpened);
    check_get_in_tunnel(world, id, conn);
    CHECK(world.connects.size() == 1);
    // The next tunnel has the answer at once.
    world.add("http://example.net/", through(with_login(tunnel_proxy(), {.basic = false, .digest = true})));
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).contains("nc=00000002"));
  }
}

TEST_CASE("tunnels: a challenge that ends the connection is answered on another one") {
  for (const bool digest : {false, true}) {
    EngineWorld world;
    const AuthSchemes schemes = {.basic = true, .digest = true};
    const TransferId id = world.add("http://example.org/", through(with_login(tunnel_proxy(), schemes)));
    const ConnId first = newest(world);
    world.connected(first);
    CHECK_FALSE(world.sent(first).contains("Proxy-Authorization"));
    world.receive(first, refusal(std::string(digest ? "Proxy-Authenticate: Digest realm=p, nonce=n1, qop=\"auth\"\r\n"
                                                    : "Proxy-Authenticate: Basic realm=p\r\n") +
                                 "Connection: close\r\n"));
    CHECK(closes_of(world, first) == 1);
    REQUIRE(world.connects.size() == 2);
    const ConnId second = newest(world);
    world.connected(second);
    CHECK(world.sent(second).contains(digest ? "Proxy-Authorization: Digest" : "Proxy-Authorization: Basic"));
    world.receive(second, kOpened);
    check_get_in_tunnel(world, id, second);
  }
}

TEST_CASE("tunnels: a proxy that closes after its challenge without a word, or in the middle of its content") {
  const std::string challenge = refusal("Proxy-Authenticate: Basic realm=p\r\nContent-Length: 4\r\n");
  for (const std::string& sent : {challenge + "body", challenge + "bo"}) {
    EngineWorld world;
    const TransferId id =
        world.add("http://example.org/", through(with_login(tunnel_proxy(), {.basic = true, .digest = true})));
    const ConnId first = newest(world);
    world.connected(first);
    world.sent(first);
    world.receive(first, sent);
    world.sent(first);
    world.eof(first);
    REQUIRE(world.connects.size() == 2);
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).contains("Proxy-Authorization: Basic"));
    world.receive(newest(world), kOpened);
    check_get_in_tunnel(world, id, newest(world));
  }
}

TEST_CASE("tunnels: NTLM begins on another connection if the one of its offer ends") {
  EngineWorld world;
  const AuthSchemes any = {.basic = true, .digest = true, .ntlm = true};
  const TransferId id = world.add("http://example.org/", through(with_login(tunnel_proxy(), any)));
  world.connected(newest(world));
  CHECK_FALSE(world.sent(newest(world)).contains("Proxy-Authorization"));
  world.receive(newest(world), refusal("Proxy-Authenticate: NTLM\r\nConnection: close\r\n"));
  REQUIRE(world.connects.size() == 2);
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).contains("Proxy-Authorization: NTLM TlRMTVNTUAAB"));
  world.eof(newest(world));
  CHECK(world.failure(id) == Code::tunnel_failed);
}

TEST_CASE("tunnels: an answer that is refused, and a proxy that asks without end") {
  EngineWorld world;
  const TransferId basic = world.add("http://example.org/", through(with_login(tunnel_proxy())));
  world.connected(newest(world));
  world.sent(newest(world));
  world.receive(newest(world), refusal("Proxy-Authenticate: Basic realm=p\r\nContent-Length: 0\r\n"));
  CHECK(world.results.at(basic).error().detail == 407);
  const TransferId endless =
      world.add("http://example.org/", through(with_login(tunnel_proxy(), {.basic = false, .digest = true})));
  std::size_t connections = 0;
  for (; !world.done(endless) && connections < 20; ++connections) {
    world.connected(newest(world));
    world.sent(newest(world));
    world.receive(newest(world), refusal("Proxy-Authenticate: Digest realm=p, nonce=n" + std::to_string(connections) +
                                         ", stale=true, qop=\"auth\"\r\nConnection: close\r\n"));
  }
  CHECK(world.results.at(endless).error().detail == 407);
  CHECK(connections <= 4);
  check_nothing_left(world);
}

TEST_CASE("tunnels: SOCKS5 gets the name, or the address that is looked up here") {
  const std::string greeting = "\5\1\0"s, chosen = "\5\0"s, granted = "\5\0\0\1\0\0\0\0\0\0"s;
  for (const bool by_name : {true, false}) {
    EngineWorld world;
    const TransferId id = world.add(
        "http://example.org/", through(proxy_at(by_name ? ProxyKind::socks5h : ProxyKind::socks5, "proxy.example")));
    if (!by_name) {
      REQUIRE(world.resolves.size() == 1);
      CHECK(world.resolves[0].host == "example.org");
      world.resolved("192.0.2.5");
    }
    REQUIRE(world.resolves.size() == 1);
    CHECK(world.resolves[0].host == "proxy.example");
    world.resolved("192.0.2.99");
    const ConnId conn = newest(world);
    CHECK(world.connects[0].address.to_string() == "192.0.2.99:3128");
    world.connected(conn);
    CHECK(world.sent(conn) == greeting);
    world.receive(conn, chosen);
    CHECK(world.sent(conn) == (by_name ? "\5\1\0\3\13example.org\0\120"s : "\5\1\0\1\300\0\2\5\0\120"s));
    world.receive(conn, granted);
    check_get_in_tunnel(world, id, conn);
    CHECK(world.engine.info(id).connect_status == 0);
  }
}

TEST_CASE("tunnels: names that a SOCKS proxy is not given are looked up once for many, and may be known or fail") {
  EngineOptions options;
  options.known_addresses = {{.host = "known.example", .port = 80, .addresses = {*IpAddress::parse("192.0.2.6")}}};
  EngineWorld world(options);
  const TransferOptions socks = through(proxy_at(ProxyKind::socks4));
  world.add("http://known.example/", socks);
  CHECK(world.resolves.empty());
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "\4\1\0\120\300\0\2\6\0"s);
  const TransferId one = world.add("http://lost.example/", socks), two = world.add("http://lost.example:81/", socks);
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].family == AddressFamily::ipv4);
  world.engine.handle_resolved(
      world.resolves[0].id, std::unexpected(make_error(Code::resolve_failed, "resolve lost.example: none")), world.now);
  world.drain();
  CHECK(world.failure(one) == Code::resolve_failed);  // not the proxy's
  CHECK(world.failure(two) == Code::resolve_failed);
  TransferOptions hurried = socks;
  hurried.connect_timeout = std::chrono::seconds(1);
  const TransferId slow = world.add("http://slow.example/", hurried);
  world.pass(std::chrono::seconds(1));
  CHECK(world.results.at(slow).error().context ==
        "GET http://slow.example/: resolve slow.example: no answer within 1000 ms");
  const TransferId literal = world.add("http://[2001:db8::1]/", socks);
  world.connected(newest(world));
  CHECK(world.failure(literal) == Code::socks_failed);
}

TEST_CASE("SB-23 tunnels: a host that does not fit is an error, and is not looked up here") {
  EngineWorld world;
  TransferOptions options = through(proxy_at(ProxyKind::socks5h));
  options.connect_to = ConnectTo{std::string(256, 'a'), 80};
  const TransferId id = world.add("http://example.org/", options);
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).empty());
  CHECK(world.failure(id) == Code::socks_failed);
  CHECK(world.resolves.empty());
}

TEST_CASE("tunnels: each SOCKS proxy of a chain that must be given an address has one") {
  EngineWorld world;
  TransferOptions options;
  options.proxies =
      always({proxy_at(ProxyKind::socks5, "192.0.2.98", 1080), proxy_at(ProxyKind::socks4, "second.example")});
  world.add("http://example.org/", options);
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "second.example");
  world.resolved("192.0.2.97");
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "example.org");
  world.resolved("192.0.2.5");
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn);
  world.receive(conn, "\5\0"s);
  CHECK(world.sent(conn) == "\5\1\0\1\300\0\2\141\14\70"s);
  world.receive(conn, "\5\0\0\1\0\0\0\0\0\0"s);
  CHECK(world.sent(conn) == "\4\1\0\120\300\0\2\5\0"s);
  // The name of the second proxy is a proxy's.
  options.proxies =
      always({proxy_at(ProxyKind::socks5, "192.0.2.98", 1080), proxy_at(ProxyKind::http, "third.example")});
  const TransferId lost = world.add("http://example.org/", options);
  REQUIRE(world.resolves.size() == 1);
  world.engine.handle_resolved(world.resolves[0].id, std::unexpected(make_error(Code::resolve_failed, "none")),
                               world.now);
  world.drain();
  CHECK(world.failure(lost) == Code::proxy_resolve_failed);
}

TEST_CASE("tunnels: two proxies, the first of which leads to the second") {
  EngineWorld world;
  TransferOptions options;
  options.proxies =
      always({proxy_at(ProxyKind::socks4a, "192.0.2.98", 1080), proxy_at(ProxyKind::http, "second.example")});
  const TransferId forwarded = world.add("http://example.org/", options);
  const ConnId conn = newest(world);
  CHECK(world.connects[0].address.to_string() == "192.0.2.98:1080");
  world.connected(conn);
  CHECK(world.sent(conn) == "\4\1\14\70\0\0\0\1\0second.example\0"s);
  world.receive(conn, "\0\132\0\0\0\0\0\0"s);
  CHECK(world.sent(conn) == "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(forwarded));
  options.connect_to = ConnectTo{"192.0.2.5", 443};
  world.add("http://example.org/", options);
  const ConnId other = newest(world);
  world.connected(other);
  world.sent(other);
  world.receive(other, "\0\132\0\0\0\0\0\0"s);
  CHECK(world.sent(other).starts_with("CONNECT 192.0.2.5:443 HTTP/1.1\r\n"));
}

TEST_CASE("SB-10 tunnels: TLS with the origin goes through the tunnel, and is checked") {
  TlsWorld world;
  world.options.proxies = always({proxy_at(ProxyKind::http)});
  for (const bool right : {true, false}) {
    const TransferId id = world.ask(right ? "https://example.org/" : "https://example.net/");
    const ConnId conn = newest(world);
    world.servers.emplace(conn, sim::TlsServer(world.context));
    world.connected(conn);
    CHECK(world.sent(conn).starts_with("CONNECT example."));
    world.receive(conn, kOpened);
    world.carry(conn);
    if (!right) {
      CHECK(world.failure(id) == Code::tls_certificate);
      CHECK(world.engine.info(id).connect_status == 200);
      continue;
    }
    CHECK(world.server(conn).plain() == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.info(id).tls_version == "TLSv1.3");
    CHECK(world.engine.info(id).connect_status == 200);
  }
}

namespace {

// An https proxy and an origin in its tunnel, or a request that the proxy forwards; both are example.org.
struct TwoTlsServers : TlsWorld {
  using TlsWorld::TlsWorld;

  // Moves bytes between the engine and the proxy, and, once the tunnel is open, on to the origin.
  void carry_all(ConnId conn) {
    for (bool moved = true; moved;) {
      const std::string bytes = sent(conn);
      server(conn).feed(as_bytes(bytes));
      moved = !bytes.empty();
      if (origin && !server(conn).plain().empty()) {
        origin->feed(as_bytes(server(conn).plain()));
        server(conn).plain().clear();
        moved = true;
      }
      if (origin && !origin->output().empty()) {
        REQUIRE(server(conn).write(origin->output()));
        origin->output().clear();
      }
      moved = to_client(conn) || moved;
    }
  }
  std::string take_plain(ConnId conn) { return std::exchange(server(conn).plain(), {}); }

  std::optional<sim::TlsServer> origin;
};

}  // namespace

TEST_CASE("SB-07 tunnels: TLS in TLS; the proxy's session is never offered to the origin") {
  TwoTlsServers world;
  Proxy proxy = proxy_at(ProxyKind::https, "example.org", 443);
  proxy.tls = world.options.tls;
  world.options.proxies = always({proxy});
  for (int round = 0; round < 2; ++round) {
    world.options.fresh_connection = true;
    world.origin.reset();
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry_all(conn);
    CHECK(world.take_plain(conn).starts_with("CONNECT example.org:443 HTTP/1.1\r\n"));
    REQUIRE(world.server(conn).write(as_bytes(kOpened)));
    world.origin.emplace(world.context);
    world.carry_all(conn);
    CHECK(world.origin->plain() == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    REQUIRE(world.origin->write(as_bytes(answer("x"))));
    world.carry_all(conn);
    CHECK(world.succeeded(id));
    // Each of the two resumed a session of its own.
    CHECK(world.engine.info(id).tls_resumed == (round > 0));
  }
}

TEST_CASE("tunnels: an https proxy forwards too, and its TLS is not shown as the origin's") {
  TwoTlsServers world;
  Proxy proxy = proxy_at(ProxyKind::https, "example.org", 443);
  proxy.tls = world.options.tls;
  world.options.proxies = always({proxy});
  const TransferId id = world.ask("http://example.com/");
  const ConnId conn = world.connect();
  world.carry_all(conn);
  CHECK(world.take_plain(conn) == "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
  REQUIRE(world.server(conn).write(as_bytes(answer("x"))));
  world.carry_all(conn);
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).tls_version.empty());
  CHECK(world.engine.info(id).proxy_tls.size() == 1);
  // Another configuration is another place in the pool (SB-36).
  Proxy other = proxy;
  TlsOptions tls = proxy.tls->options();
  tls.max_version = TlsVersion::tls1_2;
  other.tls = make_config(tls);
  TransferOptions options = world.options;
  options.proxies = always({other});
  const std::size_t before = world.connects.size();
  world.add("http://example.com/", options);
  CHECK(world.connects.size() + world.resolves.size() == before + 1);
}

TEST_CASE("SB-10 tunnels: a bad certificate of an https proxy ends the transfer before a byte of CONNECT") {
  TwoTlsServers world;
  Proxy proxy = proxy_at(ProxyKind::https, "example.net", 443);
  proxy.tls = world.options.tls;
  world.options.proxies = always({proxy});
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry_all(conn);
  CHECK(world.failure(id) == Code::tls_certificate);
  CHECK(world.results.at(id).error().message().contains("TLS handshake with the proxy example.net:443: certificate "));
  CHECK(world.take_plain(conn).empty());
  const TransferId other = world.ask();
  world.eof(world.connect());
  CHECK(world.results.at(other).error().message().contains("TLS handshake of the proxy with "));
}

TEST_CASE("tunnels: an end of the proxy's TLS is no end of a body in the tunnel") {
  TwoTlsServers world;
  Proxy proxy = proxy_at(ProxyKind::https, "example.org", 443);
  proxy.tls = world.options.tls;
  world.options.proxies = always({proxy});
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry_all(conn);
  world.take_plain(conn);
  REQUIRE(world.server(conn).write(as_bytes(kOpened)));
  world.origin.emplace(world.context);
  world.carry_all(conn);
  REQUIRE(world.origin->write(as_bytes("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart of the body")));
  world.carry_all(conn);
  world.server(conn).close_notify();  // the proxy says close_notify, the origin does not
  world.carry_all(conn);
  world.eof(conn);
  CHECK(world.failure(id) == Code::truncated);
}
