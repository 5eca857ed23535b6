// Requests that a proxy forwards, and which proxies a transfer uses. Tunnels are in tunnels_test.cpp.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/hsts.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"
#include "tests/support/tickets.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kUrl = "http://192.0.2.1/a?b";

std::string refusal(std::string_view challenges) {
  return "HTTP/1.1 407 Who are you\r\n" + std::string(challenges) + "Content-Length: 4\r\n\r\nbody";
}

Proxy with_login(Proxy proxy, AuthSchemes schemes = {}) {
  proxy.user = "me";
  proxy.password = "secret";
  proxy.schemes = schemes;
  return proxy;
}

// How many connections two requests make, the first of which is over and its connection idle.
std::size_t connects_for(const TransferOptions& first, const TransferOptions& second,
                         std::string_view second_url = kUrl) {
  EngineWorld world;
  one_get(world, kUrl, first);
  world.add(second_url, second);
  return world.connects.size();
}

Proxy http_proxy() { return proxy_at(ProxyKind::http); }

}  // namespace

TEST_CASE("proxies: a proxy forwards a request for an http URL, whose target is absolute") {
  EngineWorld world;
  Proxy proxy = http_proxy();
  REQUIRE(proxy.fields.add("X-For-Proxy", "1").has_value());
  REQUIRE(proxy.fields.add("Accept", "not/this").has_value());
  REQUIRE(proxy.fields.add("Host", "other").has_value());
  REQUIRE(proxy.fields.add("Content-Length", "7").has_value());
  Request request = EngineWorld::get("http://example.org:8080/a?b");
  REQUIRE(request.fields.add("Accept", "*/*").has_value());
  const TransferId id = world.add(std::move(request), through(proxy));
  CHECK(world.resolves.empty());  // the proxy looks the name up
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].address.to_string() == "192.0.2.99:3128");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) ==
        "GET http://example.org:8080/a?b HTTP/1.1\r\nHost: example.org:8080\r\nX-For-Proxy: 1\r\nAccept: */*\r\n\r\n");
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).proxy == "http://192.0.2.99:3128");
  CHECK(world.engine.info(id).connect_status == 0);
  Request star = EngineWorld::get("http://[2001:db8::1]/", "OPTIONS");
  star.target = "*";
  world.add(std::move(star), through(proxy));
  CHECK(world.sent(newest(world)).starts_with("OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]\r\n"));
}

TEST_CASE("proxies: all origins share the connections to a proxy that forwards, and no other proxy's") {
  const TransferOptions one = through(http_proxy());
  CHECK(connects_for(one, one, "http://192.0.2.2/") == 1);
  CHECK(connects_for(one, one, "http://other.example:81/") == 1);
  CHECK(connects_for(one, {}) == 2);
  CHECK(connects_for({}, one) == 2);
  TransferOptions ipv6 = one;
  ipv6.family = AddressFamily::ipv4;
  CHECK(connects_for(one, ipv6) == 2);
}

TEST_CASE("proxies: the zone of a proxy's address is connected to, and shown to nobody but in messages") {
  EngineWorld world;
  Proxy proxy = proxy_at(ProxyKind::http, "fe80::1");
  proxy.zone = "eth0";
  const TransferId id = world.add(kUrl, through(proxy));
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].address.to_string() == "[fe80::1%eth0]:3128");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "GET http://192.0.2.1/a?b HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).proxy == "http://[fe80::1%eth0]:3128");
  TransferOptions behind;
  behind.proxies = always({proxy_at(ProxyKind::socks5), proxy});
  CHECK(world.engine.add(EngineWorld::get(kUrl), behind, world.now).error().code == Code::invalid_option);
}

TEST_CASE("SB-36 SB-43 proxies: what differs in any member of a proxy shares nothing") {
  Proxy proxy = with_login(http_proxy());
  // A member that is new does not compile here: it belongs into proxy::append_key(), and below.
  auto& [kind, host, zone, port, route, user, password, schemes, negotiate, fields, tunnel, http1_0, http2, tls] =
      proxy;
  const TransferOptions base = through(proxy);
  CHECK(connects_for(base, through(proxy)) == 1);
  const auto differs = [&](auto& member, auto value) {
    std::swap(member, value);
    const std::size_t connects = connects_for(base, through(proxy));
    std::swap(member, value);
    return connects == 2;
  };
  CHECK(differs(kind, ProxyKind::socks5h));
  CHECK(differs(host, std::string("192.0.2.98")));
  CHECK(differs(zone, std::string("eth0")));
  CHECK(differs(port, std::uint16_t{3129}));
  CHECK(differs(user, std::string("ME")));
  CHECK(differs(password, std::string("Secret")));
  CHECK(differs(schemes, AuthSchemes{.basic = true, .digest = true}));
  Fields other;
  REQUIRE(other.add("X", "1").has_value());
  CHECK(differs(fields, other));
  CHECK(differs(tunnel, true));
  CHECK(differs(http1_0, true));
  CHECK(differs(http2, true));
  CHECK(differs(negotiate, std::shared_ptr<NegotiateProvider>(std::make_shared<Tickets>("ada"))));
  negotiate = std::make_shared<Tickets>("ada");
  const TransferOptions of_ada = through(proxy);
  CHECK(connects_for(of_ada, through(proxy)) == 1);
  negotiate = std::make_shared<Tickets>("bob");
  CHECK(connects_for(of_ada, through(proxy)) == 2);
  // These two are in tunnels_test.cpp.
  CHECK((!route && !tls));
}

TEST_CASE("SB-03 proxies: the proxy's credentials go with a request that it forwards, and with no other") {
  EngineWorld world;
  TransferOptions options;
  const auto chain = std::make_shared<const ProxyChain>(ProxyChain{with_login(http_proxy())});
  options.proxies =
      std::make_shared<Chooser>([chain](const Url& url) { return url.host() == "192.0.2.1" ? Ways{chain} : Ways{}; });
  options.redirects = RedirectOptions{};
  const TransferId id = world.add(kUrl, options);
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) ==
        "GET http://192.0.2.1/a?b HTTP/1.1\r\nHost: 192.0.2.1\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n");
  world.receive(newest(world), answer("", "Location: http://192.0.2.7/direct\r\n").replace(9, 3, "302"));
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[1].address.to_string() == "192.0.2.7:80");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "GET /direct HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
  // And back: the way is chosen anew (SB-37).
  world.receive(newest(world), answer("", "Location: http://192.0.2.1/again\r\n").replace(9, 3, "302"));
  CHECK(world.connects.size() == 2);
  CHECK(world.sent(world.connects[0].conn).contains("GET http://192.0.2.1/again HTTP/1.1\r\n"));
  world.receive(world.connects[0].conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("proxies: an own Proxy-Authorization goes to a proxy that forwards, unless the proxy has a login") {
  for (const bool login : {false, true}) {
    EngineWorld world;
    Request request = EngineWorld::get(kUrl);
    REQUIRE(request.fields.add("Proxy-Authorization", "Own").has_value());
    world.add(std::move(request), through(login ? with_login(http_proxy()) : http_proxy()));
    world.connected(newest(world));
    const std::string sent = world.sent(newest(world));
    CHECK(sent.contains("Proxy-Authorization: Own\r\n") == !login);
    CHECK(sent.contains("Proxy-Authorization: Basic") == login);
  }
}

TEST_CASE("proxies: a challenge of a proxy that forwards is answered") {
  EngineWorld world;
  Request request = with_body("POST", BodyOwned{"data"}, kUrl);
  const Proxy proxy = with_login(http_proxy(), {.basic = true, .digest = true});
  const TransferId id = world.add(std::move(request), through(proxy));
  world.connected(newest(world));
  CHECK_FALSE(world.sent(newest(world)).contains("Proxy-Authorization"));
  world.receive(newest(world), refusal("Proxy-Authenticate: Basic realm=p\r\n"
                                       "Proxy-Authenticate: Digest realm=p, nonce=n1, qop=\"auth\"\r\n"));
  CHECK(world.connects.size() == 1);
  const std::string second = world.sent(newest(world));
  CHECK(second.contains("Proxy-Authorization: Digest username=\"me\""));
  CHECK(second.contains("uri=\"http://192.0.2.1/a?b\""));
  CHECK(second.ends_with("\r\n\r\ndata"));
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.hops(id).size() == 2);
  // The next request has an answer at once, also to another origin.
  world.add("http://192.0.2.2/", through(proxy));
  CHECK(world.sent(newest(world)).contains("nc=00000002"));
}

TEST_CASE("proxies: an answer is sent again if its connection was closed") {
  EngineWorld world;
  const TransferId id = world.add(kUrl, through(with_login(http_proxy(), {.basic = true, .digest = true})));
  const ConnId first = newest(world);
  world.connected(first);
  world.sent(first);
  world.receive(first, refusal("Proxy-Authenticate: Basic realm=p\r\n"));
  CHECK(world.sent(first).contains("Proxy-Authorization: Basic"));
  world.eof(first);
  REQUIRE(world.connects.size() == 2);
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).contains("Proxy-Authorization: Basic"));
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 200);
}

TEST_CASE("proxies: an own Proxy-Authorization among the proxy's fields is sent instead of its login") {
  for (const bool tunnel : {false, true}) {
    EngineWorld world;
    Proxy proxy = with_login(http_proxy());
    proxy.tunnel = tunnel;
    REQUIRE(proxy.fields.add("Proxy-Authorization", "Bearer own").has_value());
    world.add(kUrl, through(proxy));
    world.connected(newest(world));
    const std::string sent = world.sent(newest(world));
    CHECK(sent.contains("Proxy-Authorization: Bearer own\r\n"));
    CHECK_FALSE(sent.contains("Basic"));
  }
}

TEST_CASE("proxies: a refusal that cannot be answered is a response") {
  for (const bool login : {false, true}) {
    EngineWorld world;
    const TransferId id = world.add(kUrl, through(login ? with_login(http_proxy()) : http_proxy()));
    world.connected(newest(world));
    world.sent(newest(world));
    world.receive(newest(world), refusal("Proxy-Authenticate: Basic realm=p\r\n"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 407);
    CHECK(world.bodies[id] == "body");
  }
}

TEST_CASE("proxies: the ways are tried one after the other") {
  EngineWorld world;
  TransferOptions options;
  const auto chain = [](std::string host) {
    return std::make_shared<const ProxyChain>(ProxyChain{proxy_at(ProxyKind::http, std::move(host))});
  };
  const Ways ways = {chain("dead.example"), chain("192.0.2.98"), nullptr};
  options.proxies = std::make_shared<Chooser>([ways](const Url&) { return ways; });
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}, kUrl), options);
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "dead.example");
  world.engine.handle_resolved(world.resolves[0].id, std::unexpected(make_error(Code::resolve_failed, "no such name")),
                               world.now);
  world.drain();
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].address.to_string() == "192.0.2.98:3128");
  world.io_error(newest(world), Code::connect_failed, "refused");
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[1].address.to_string() == "192.0.2.1:80");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).starts_with("POST /a?b HTTP/1.1\r\n"));
  CHECK(world.engine.info(id).proxy.empty());
  // What comes after a connection was made belongs to the way.
  world.io_error(newest(world), Code::receive_failed);
  CHECK(world.failure(id) == Code::receive_failed);
  CHECK(world.connects.size() == 2);
  check_nothing_left(world);
}

TEST_CASE("proxies: what one proxy was answered before the next one was tried is no answer to the origin") {
  for (const bool directly : {false, true}) {
    EngineWorld world;
    TransferOptions options;
    const auto chain = [](Proxy proxy) { return std::make_shared<const ProxyChain>(ProxyChain{std::move(proxy)}); };
    const Ways ways{chain(with_login(http_proxy(), {.basic = false, .digest = true})),
                    directly ? nullptr : chain(proxy_at(ProxyKind::http, "192.0.2.98"))};
    options.proxies = std::make_shared<Chooser>([ways](const Url&) { return ways; });
    options.credentials = std::make_shared<const Credentials>(
        Credentials{.user = "you", .password = "word", .schemes = {.basic = true, .digest = true}});
    const TransferId id = world.add(kUrl, options);
    const ConnId conn = go(world);
    world.receive(conn, refusal("Proxy-Authenticate: Digest realm=r, nonce=n, qop=auth\r\nConnection: close\r\n"));
    REQUIRE(world.connects.size() == 2);
    CHECK(world.connects[1].address.to_string() == "192.0.2.99:3128");
    world.io_error(newest(world), Code::connect_failed);
    REQUIRE(world.connects.size() == 3);
    CHECK(world.connects[2].address.to_string() == (directly ? "192.0.2.1:80" : "192.0.2.98:3128"));
    world.receive(go(world), "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n");
    CHECK_FALSE(world.done(id));
    CHECK(world.sent(newest(world)).contains("\r\nAuthorization: Basic "));
  }
}

TEST_CASE("proxies: if a host wants https meanwhile, neither an answer nor the next try goes by the ways of http") {
  EngineOptions engine_options;
  engine_options.default_tls = TlsConfig::create({.verify_peer = false}).value();
  TransferOptions options;
  const auto chain = [](std::string host) {
    return std::make_shared<const ProxyChain>(ProxyChain{with_login(proxy_at(ProxyKind::http, std::move(host)))});
  };
  const Ways plain{chain("192.0.2.99"), chain("192.0.2.98")}, secure{chain("192.0.2.97")};
  options.proxies = std::make_shared<Chooser>([=](const Url& url) { return url.is_tls() ? secure : plain; });
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    EngineOptions own = engine_options;
    own.hsts = std::make_shared<HstsStore>();
    EngineWorld world(own);
    options.credentials = std::make_shared<const Credentials>(Credentials{.user = "you", .schemes = {.digest = true}});
    const TransferId id = world.add("http://a.test/", options);
    CHECK(world.connects[0].address.to_string() == "192.0.2.99:3128");
    own.hsts->load("a.test \"20990101 00:00:00\"\n", world.now.wall);
    if (answers) {
      world.receive(go(world),
                    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n"
                    "Content-Length: 0\r\n\r\n");
    } else {
      world.io_error(newest(world), Code::connect_failed);
    }
    CHECK_FALSE(world.done(id));
    REQUIRE(world.connects.size() == 2);
    CHECK(world.connects[1].address.to_string() == "192.0.2.97:3128");
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).starts_with("CONNECT a.test:443 "));
  }
}

TEST_CASE("proxies: errors name the proxy") {
  EngineWorld world;
  const TransferId unknown = world.add(kUrl, through(proxy_at(ProxyKind::http, "proxy.example")));
  world.engine.handle_resolved(world.resolves[0].id,
                               std::unexpected(make_error(Code::resolve_failed, "resolve proxy.example: no such name")),
                               world.now);
  world.drain();
  CHECK(world.failure(unknown) == Code::proxy_resolve_failed);
  const TransferId refused = world.add(kUrl, through(http_proxy()));
  world.io_error(newest(world), Code::connect_failed, "connect to 192.0.2.99:3128: Connection refused");
  CHECK(world.failure(refused) == Code::connect_failed);
  CHECK(world.results.at(refused).error().context ==
        "GET http://192.0.2.1/a?b: proxy 192.0.2.99:3128: connect to 192.0.2.99:3128: Connection refused");
  TransferOptions hurried = through(http_proxy());
  hurried.connect_timeout = std::chrono::seconds(1);
  const TransferId late = world.add(kUrl, hurried);
  world.pass(std::chrono::seconds(1));
  CHECK(world.results.at(late).error().context ==
        "GET http://192.0.2.1/a?b: connect to proxy 192.0.2.99:3128: no answer within 1000 ms from 192.0.2.99:3128");
  check_nothing_left(world);
}

TEST_CASE("proxies: those that cannot be used are refused") {
  EngineWorld world;
  const auto refused = [&](ProxyChain chain) {
    TransferOptions options;
    options.proxies = always(std::move(chain));
    const auto added = world.engine.add(EngineWorld::get(kUrl), options, world.now);
    return added ? std::string() : added.error().message();
  };
  CHECK(refused({proxy_at(ProxyKind::http, "")}) == "proxy http://:3128: it needs a host");
  CHECK(refused({proxy_at(ProxyKind::socks5, "p", 0)}) == "proxy socks5://p:0: it needs a port");
  CHECK(refused({proxy_at(ProxyKind::https)}).starts_with("proxy https://192.0.2.99:3128: no TLS configuration"));
  CHECK(refused(ProxyChain(5, http_proxy())) == "5 proxies, one after the other: at most 4 are allowed");
  Proxy bad = http_proxy();
  REQUIRE(bad.fields.add_received("X Y", "1").has_value());
  CHECK(refused({bad}).ends_with("a field for it cannot be sent"));
  CHECK(refused({}).empty());  // directly
  CHECK(world.engine.running() == 1);
}

TEST_CASE("proxies: with a route they are not asked") {
  struct Line : Route {
    Line() : Route("line", "the line", 0) {}
  };
  EngineWorld world;
  TransferOptions options = through(http_proxy());
  options.route = std::make_shared<Line>();
  world.add(kUrl, options);
  CHECK(world.connects.at(0).route == options.route);
}
