// HTTP/2 and proxies: with the origin in a tunnel; with an https proxy (Proxy::http2) for requests that it forwards,
// and for CONNECT as a stream (RFC 9113 8.5).
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/proxied_world.hpp"

namespace sluice {

using namespace sluice::test;

TEST_CASE("http2 proxies: in a tunnel of CONNECT HTTP/2 is offered, and one tunnel carries all exchanges") {
  TlsWorld world(trusting_options(), speaks({"h2", "http/1.1"}));
  world.options.proxies = always({proxy_at(ProxyKind::http)});
  std::vector<TransferId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(world.ask("https://example.org/" + std::to_string(i)));
  REQUIRE(world.connects.size() == 1);
  const ConnId conn = newest(world);
  world.servers.emplace(conn, sim::TlsServer(world.context));
  world.connected(conn);
  CHECK(world.sent(conn).starts_with("CONNECT example.org:443 HTTP/1.1\r\n"));
  world.receive(conn, "HTTP/1.1 200 OK\r\n\r\n");
  world.carry(conn);
  world.answer_with(conn, h2::settings() + reply(5, "200", "2") + reply(1, "200", "0") + reply(3, "200", "1"));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(world.succeeded(ids[i]));
    CHECK(world.bodies[ids[i]] == std::to_string(i));
    CHECK(world.engine.info(ids[i]).alpn == "h2");
    CHECK(world.engine.info(ids[i]).connect_status == 200);
  }
  // The proxy is in the key (SB-36): without it there is another connection.
  world.options.proxies = nullptr;
  world.ask();
  CHECK(world.connects.size() + world.resolves.size() == 2);
}

TEST_CASE("http2 proxies: requests that an https proxy forwards share a connection; each says whose it is") {
  ProxiedWorld world;
  world.proxy.user = "me";
  world.proxy.password = "secret";
  REQUIRE(world.proxy.fields.add("X-For-Proxy", "1").has_value());
  REQUIRE(world.proxy.fields.add("Connection", "close").has_value());
  world.use();
  const TransferId first = world.ask("http://a.example/1");
  const TransferId second = world.ask("http://b.example:8080/2");
  world.meet();
  CHECK(world.connects.size() == 1);
  REQUIRE(world.requests.size() == 2);
  CHECK(world.requests[0].fields ==
        ":method: GET\n:path: /1\n:authority: a.example\n:scheme: http\n" + std::string(kBasic) + "x-for-proxy: 1\n");
  CHECK(world.requests[1].fields.find(":authority: b.example:8080\n") != std::string::npos);
  world.say(h2::settings() + reply(3, "200", "two") + reply(1, "200", "one"));
  CHECK(world.bodies[first] == "one");
  CHECK(world.bodies[second] == "two");
  CHECK(world.engine.info(first).alpn.empty());  // that is the proxy's
  CHECK(world.engine.info(first).stream_id == 1);
  CHECK(world.engine.head(first).version == HttpVersion{2, 0});
  check_nothing_left(world);
}

TEST_CASE("http2 proxies: a challenge of a proxy that forwards is answered") {
  ProxiedWorld world;
  world.proxy.user = "me";
  world.proxy.password = "secret";
  world.proxy.schemes = {.basic = true, .digest = true, .ntlm = true};
  world.use();
  const TransferId id = world.ask("http://a.example/");
  world.meet();
  CHECK(world.requests.at(0).fields.find("proxy-authorization") == std::string::npos);
  world.say(h2::settings() + reply(1, "407", "who", {{"proxy-authenticate", "Basic realm=\"x\""}}));
  REQUIRE(world.requests.size() == 2);
  CHECK(world.requests[1].fields.find(kBasic) != std::string::npos);
  world.say(reply(3, "200", "in"));
  CHECK(world.bodies[id] == "in");
}

TEST_CASE("http2 proxies: logins of a connection do not hide the schemes that a forwarded request can answer with") {
  ProxiedWorld world;
  world.proxy.user = "me";
  world.proxy.password = "secret";
  world.proxy.schemes = {.basic = true, .digest = true, .ntlm = true, .negotiate = true};
  world.use();
  const TransferId id = world.ask("http://a.example/");
  world.meet();
  world.say(h2::settings() + reply(1, "407", "who", {{"proxy-authenticate", "Negotiate, NTLM, Basic realm=\"x\""}}));
  REQUIRE(world.requests.size() == 2);
  CHECK(world.requests[1].fields.find(kBasic) != std::string::npos);
  world.say(reply(3, "200", "in"));
  CHECK(world.bodies[id] == "in");
}

TEST_CASE("http2 proxies: with NTLM alone a request that is forwarded as one of many is sent without a login") {
  ProxiedWorld world;
  world.proxy.user = "me";
  world.proxy.password = "secret";
  world.proxy.schemes = {.basic = false, .digest = false, .ntlm = true};
  world.use();
  const TransferId id = world.ask("http://a.example/");
  world.meet();
  CHECK(world.requests.at(0).fields.find("proxy-authorization") == std::string::npos);
  world.say(h2::settings() + reply(1, "407", "who", {{"proxy-authenticate", "NTLM"}}));
  CHECK(world.engine.head(id).status == 407);
}

TEST_CASE("http2 proxies: a proxy that does not take HTTP/2 gets HTTP/1.1, forwarded or by CONNECT") {
  for (const bool tunnel : {false, true}) {
    ProxiedWorld world({"http/1.1"});
    world.ask(tunnel ? "https://example.org/" : "http://a.example/");
    const ConnId conn = world.connect();
    world.carry(conn);
    CHECK(world.server(conn).plain().starts_with(tunnel ? "CONNECT example.org:443 HTTP/1.1\r\n"
                                                        : "GET http://a.example/ HTTP/1.1\r\n"));
  }
}

TEST_CASE("http2 proxies: without the option HTTP/2 is not offered to a proxy") {
  ProxiedWorld world;
  world.proxy.http2 = false;
  world.use();
  world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  CHECK(world.server(conn).plain().starts_with("CONNECT example.org:443 HTTP/1.1\r\n"));
}

TEST_CASE("http2 proxies: CONNECT is a stream, and TLS with HTTP/1 or HTTP/2 goes in it, at any split") {
  for (const bool over_http2 : {false, true}) {
    for (const std::size_t step : {SIZE_MAX, std::size_t{7}}) {
      ProxiedWorld world;
      world.proxy.user = "me";
      world.proxy.password = "secret";
      REQUIRE(world.proxy.fields.add("User-Agent", "for the proxy").has_value());
      world.use();
      const TransferId id = world.ask();
      world.meet();
      REQUIRE(world.requests.size() == 1);
      CHECK(world.requests[0].fields ==
            ":method: CONNECT\n:authority: example.org:443\n" + std::string(kBasic) + "user-agent: for the proxy\n");
      CHECK((world.requests[0].flags & h2::kEndStream) == 0);
      CHECK(world.tunneled.empty());  // nothing before the answer
      world.open_tunnel(1, {over_http2 ? "h2" : "http/1.1"});
      const std::string body(200'000, 'b');
      if (over_http2) {
        CHECK(world.origin->plain().starts_with("PRI * HTTP/2.0\r\n"));
        REQUIRE(world.origin->write(as_bytes(h2::settings() + reply(1, "200", "in the tunnel"))));
      } else {
        CHECK(world.origin->plain() == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        REQUIRE(world.origin->write(as_bytes(answer(body))));
      }
      world.carry_tunnel(1, step);
      REQUIRE(world.succeeded(id));
      CHECK(world.bodies[id] == (over_http2 ? "in the tunnel" : body));
      CHECK((over_http2 || world.granted > 100'000));  // the tunnel's window is opened again
      CHECK(world.engine.info(id).connect_status == 200);
      CHECK(world.engine.info(id).tls_version == "TLSv1.3");
      CHECK(world.engine.info(id).alpn == (over_http2 ? "h2" : "http/1.1"));
      // The tunnel is used again.
      world.origin->plain().clear();
      world.ask("https://example.org/again");
      world.carry_tunnel(1);
      CHECK(world.connects.size() == 1);
      CHECK_FALSE(world.origin->plain().empty());
    }
  }
}

TEST_CASE("http2 proxies: a length in the answer to CONNECT means nothing (SB-40)") {
  ProxiedWorld world;
  const TransferId id = world.ask();
  world.meet();
  world.context_of_origin.emplace(make_context(example_server()));
  world.origin.emplace(*world.context_of_origin);
  world.say(h2::settings() + h2::headers(1, {{":status", "200"}, {"content-length", "7"}}));
  world.carry_tunnel(1);
  REQUIRE(world.origin->write(as_bytes(answer("x"))));
  world.carry_tunnel(1);
  CHECK(world.succeeded(id));
}

TEST_CASE("http2 proxies: an upload waits for the window of the tunnel, and goes on") {
  ProxiedWorld world;
  Request put = EngineWorld::get("https://example.org/", "PUT");
  const std::string body(300'000, 'u');
  put.body = BodyOwned(body);
  const TransferId id = world.add(std::move(put), world.options);
  world.meet();
  world.open_tunnel();
  CHECK(world.origin->plain().size() < 65'536);  // the window at first
  for (int i = 0; i < 40 && world.origin->plain().size() < body.size(); ++i) {
    world.say(h2::window_update(0, 10'000) + h2::window_update(1, 10'000));
  }
  CHECK(world.origin->plain().ends_with(body));
  REQUIRE(world.origin->write(as_bytes(answer("x"))));
  world.carry_tunnel(1);
  CHECK(world.succeeded(id));
}

TEST_CASE("http2 proxies: what waits for the window of the tunnel is not sent yet") {
  ProxiedWorld world;
  Request put = EngineWorld::get("https://example.org/", "PUT");
  put.body = BodyOwned(std::string(65'000, 'u'));
  const TransferId id = world.add(std::move(put), world.options);
  world.meet();
  world.open_tunnel();
  CHECK(world.origin->plain().size() > 40'000);
  CHECK_FALSE(world.origin->plain().ends_with(std::string(65'000, 'u')));
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.say(h2::window_update(0, 10'000) + h2::window_update(1, 10'000));
  CHECK(world.origin->plain().ends_with(std::string(65'000, 'u')));
  CHECK(world.engine.progress(id).sent.has_value());
}

TEST_CASE("SB-41 http2 proxies: a refused tunnel is an error with the proxy's status, as over HTTP/1") {
  ProxiedWorld world;
  const TransferId id = world.ask();
  world.meet();
  world.say(h2::settings() + reply(1, "502", "no", {{"set-cookie", "a=b"}}));
  REQUIRE(world.failure(id) == Code::tunnel_failed);
  CHECK(world.results.at(id).error().detail == 502);
  CHECK(world.results.at(id).error().context ==
        "GET https://example.org/: proxy https://example.org:443 to example.org:443: it answered with status 502");
  CHECK(world.engine.info(id).connect_status == 502);
  CHECK(world.engine.head(id).status == 0);
  check_nothing_left(world);
}

TEST_CASE("http2 proxies: a challenge to CONNECT is answered on the same connection, by another stream") {
  ProxiedWorld world;
  world.proxy.user = "me";
  world.proxy.password = "secret";
  world.proxy.schemes = {.basic = true, .digest = true, .ntlm = true, .negotiate = true};
  world.use();
  const TransferId id = world.ask();
  world.meet();
  const std::string both = "NTLM, Basic realm=\"x\"";
  world.say(h2::settings() + reply(1, "407", "who are you", {{"proxy-authenticate", both}}));
  REQUIRE(world.requests.size() == 2);
  CHECK(world.connects.size() == 1);
  CHECK(world.requests[1].stream == 3);
  CHECK(world.requests[1].fields == ":method: CONNECT\n:authority: example.org:443\n" + std::string(kBasic));
  SUBCASE("right") {
    world.open_tunnel(3);
    REQUIRE(world.origin->write(as_bytes(answer("x"))));
    world.carry_tunnel(3);
    CHECK(world.succeeded(id));
  }
  SUBCASE("wrong") {
    world.say(reply(3, "407", "no", {{"proxy-authenticate", both}}));
    CHECK(world.failure(id) == Code::tunnel_failed);
    CHECK(world.results.at(id).error().detail == 407);
  }
}

TEST_CASE("http2 proxies: a stream or a connection that ends before the tunnel is open is a refused tunnel") {
  for (const std::string& end :
       {h2::reset(1, 10), h2::reset(1, 7), h2::goaway(0, 0), std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
        h2::headers(1, {{":status", "200"}, {"connection", "x"}})}) {
    ProxiedWorld world;
    const TransferId id = world.ask();
    world.meet();
    world.say(end.starts_with("HTTP") ? end : h2::settings() + end);
    REQUIRE(world.failure(id) == Code::tunnel_failed);
    CHECK(world.results.at(id).error().retry_safe);
    check_nothing_left(world);
  }
  ProxiedWorld world;
  const TransferId id = world.ask();
  world.meet();
  world.eof(world.conn);
  CHECK(world.failure(id) == Code::tunnel_failed);
}

TEST_CASE("http2 proxies: heads of CONNECT without end are not taken (SB-19)") {
  ProxiedWorld world;
  const TransferId id = world.ask();
  world.meet();
  const std::string interim = h2::headers(1, {{":status", "103"}, {"link", std::string(10'000, 'x')}});
  std::string all = h2::settings();
  for (int i = 0; i < 60; ++i) all += interim;
  world.say(all);
  CHECK(world.failure(id) == Code::tunnel_failed);
}

TEST_CASE("SB-65 http2 proxies: a proxy that sends PING and reads nothing is given up") {
  ProxiedWorld world;
  const TransferId id = world.ask();
  world.meet();
  world.open_tunnel();
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += h2::ping();
  std::size_t sent = 0;
  while (!world.done(id) && sent < 10'000'000) {
    REQUIRE(world.server(world.conn).write(as_bytes(pings)));
    sent += pings.size();
    world.to_client(world.conn);  // and nothing goes back
  }
  CHECK(world.done(id));
  CHECK(sent < 1'000'000);
}

TEST_CASE("http2 proxies: an end of the tunnel without that of the origin's TLS cuts a response") {
  for (const std::string& end : {h2::data(1, "", h2::kEndStream), h2::reset(1, 10), h2::goaway(1, 2)}) {
    ProxiedWorld world;
    const TransferId id = world.ask();
    world.meet();
    world.open_tunnel();
    REQUIRE(world.origin->write(as_bytes("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart")));
    world.carry_tunnel(1);
    CHECK(world.bodies[id] == "part");
    world.say(end);
    if (!end.starts_with(h2::goaway(1, 2))) CHECK(world.done(id));
    if (!world.done(id)) world.eof(world.conn);
    CHECK_FALSE(world.succeeded(id));
    check_nothing_left(world);
  }
}

TEST_CASE(
    "http2 proxies: a tunnel that ends during a handshake in it has failed, and its connection is not waited for") {
  const std::string end = h2::data(1, "", h2::kEndStream);
  const std::string open = h2::headers(1, {{":status", "200"}});
  for (const bool at_once : {false, true}) {
    ProxiedWorld world;
    const TransferId id = world.ask();
    world.meet();
    world.say(h2::settings() + open + (at_once ? end : ""));
    if (!at_once) {
      CHECK_FALSE(world.tunneled.empty());  // the ClientHello
      CHECK_FALSE(world.done(id));
      world.say(end);
    }
    REQUIRE(world.failure(id) == Code::tls_handshake);
    CHECK(world.results.at(id).error().retry_safe);
    check_nothing_left(world);
  }
  // The same for the next proxy of a chain.
  ProxiedWorld world;
  world.options.proxies = always({world.proxy, proxy_at(ProxyKind::http, "next.example", 3128)});
  const TransferId id = world.ask();
  world.meet();
  CHECK(world.requests.at(0).fields == ":method: CONNECT\n:authority: next.example:3128\n");
  world.say(h2::settings() + open);
  CHECK(world.tunneled.starts_with("CONNECT example.org:443 HTTP/1.1\r\n"));
  world.say(end);
  REQUIRE(world.failure(id) == Code::tunnel_failed);
  check_nothing_left(world);
}

TEST_CASE("http2 proxies: an http URL in a tunnel: the end of the stream ends a body, a reset does not") {
  for (const bool clean : {true, false}) {
    ProxiedWorld world;
    world.proxy.tunnel = true;
    world.use();
    const TransferId id = world.ask("http://a.example/");
    world.meet();
    CHECK(world.requests.at(0).fields == ":method: CONNECT\n:authority: a.example:80\n");
    world.say(h2::settings() + h2::headers(1, {{":status", "200"}}));
    CHECK(world.tunneled == "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    world.say(h2::data(1, "HTTP/1.1 200 OK\r\n\r\nto the end"));
    world.say(clean ? h2::data(1, "", h2::kEndStream) : h2::reset(1, 10));
    REQUIRE(world.done(id));
    CHECK(world.succeeded(id) == clean);
    CHECK(world.bodies[id] == "to the end");
  }
}

}  // namespace sluice
