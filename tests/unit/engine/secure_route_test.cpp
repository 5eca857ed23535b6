// Transfers over a route whose streams are protected already (Route::is_secure).
#include <doctest/doctest.h>

#include <memory>

#include "core/cookies.hpp"
#include "core/hsts.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct ByOthers : Route {
  ByOthers(std::string identity, bool is_secure) : Route(std::move(identity), "the stream", 0, is_secure) {}
};

std::shared_ptr<Route> stream(std::string identity = "a", bool is_secure = true) {
  return std::make_shared<ByOthers>(std::move(identity), is_secure);
}

TransferOptions by_way_of(std::shared_ptr<Route> route) {
  TransferOptions options;
  options.route = std::move(route);
  return options;
}

}  // namespace

TEST_CASE("a secure route: an https URL without TLS of ours; the stream tells of its own") {
  EngineWorld world;
  const TransferId id = world.add("https://app.test/x", by_way_of(stream()));  // and no TlsConfig
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].port == 443);
  const ConnId conn = newest(world);
  StreamSecurity security;
  security.version = "TLSv1.3";
  security.cipher = "TLS_AES_128_GCM_SHA256";
  security.group = "X25519";
  security.alpn = "http/1.1";
  security.resumed = true;
  security.subject = "CN=app.test";
  security.issuer = "CN=CA";
  security.certificates = {"one", "two"};
  SUBCASE("all of it") {
    world.engine.handle_connected(conn, world.now, {}, std::make_shared<const StreamSecurity>(security));
    world.drain();
  }
  SUBCASE("nothing") {
    security = {};
    world.connected(conn);
  }
  CHECK(world.sent(conn) == "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n");
  world.receive(conn, answer("x"));
  CHECK(world.bodies[id] == "x");
  for (const TransferId one : {id, world.add("https://app.test/y", by_way_of(stream()))}) {
    const TransferInfo info = world.engine.info(one);
    CHECK(info.tls_version == security.version);
    CHECK(info.tls_cipher == security.cipher);
    CHECK(info.tls_group == security.group);
    CHECK(info.alpn == security.alpn);
    CHECK(info.tls_resumed == security.resumed);
    CHECK(info.tls_subject == security.subject);
    CHECK(info.tls_issuer == security.issuer);
    CHECK(info.certificates == security.certificates);
    CHECK(world.engine.progress(one).secured.has_value());
  }
  CHECK(world.connects.size() == 1);
}

TEST_CASE("a secure route shares no connection with an insecure one of its identity, nor https with http on it") {
  const auto made = [](std::string_view first, std::shared_ptr<Route> over_first, std::string_view second,
                       std::shared_ptr<Route> over_second) {
    EngineWorld world;
    TransferOptions one = by_way_of(std::move(over_first)), two = by_way_of(std::move(over_second));
    one.tls = two.tls = make_config(trusting_options());
    one_get(world, first, one);
    world.add(second, two);
    return world.connects.size();
  };
  CHECK(made("https://app.test/", stream(), "https://app.test/", stream()) == 1);
  CHECK(made("http://app.test/", stream(), "http://app.test/", stream("a", false)) == 2);
  CHECK(made("http://app.test/", stream("a", false), "https://app.test:80/", stream("a", false)) == 2);
  CHECK(made("http://app.test/", stream(), "https://app.test:80/", stream()) == 2);
  CHECK(made("https://app.test/", stream(""), "https://app.test/", stream("")) == 2);
}

TEST_CASE("what an insecure route says of its security is not believed") {
  EngineWorld world;
  const TransferId id = world.add("http://app.test/", by_way_of(stream("a", false)));
  auto security = std::make_shared<StreamSecurity>();
  security->version = "TLSv1.3";
  world.engine.handle_connected(newest(world), world.now, {}, security);
  world.drain();
  CHECK(world.engine.info(id).tls_version.empty());
}

TEST_CASE("HSTS and secure cookies over a secure route") {
  EngineOptions engine;
  engine.hsts = std::make_shared<HstsStore>();
  EngineWorld world(engine);
  TransferOptions options = by_way_of(stream());
  options.cookies = CookieJar::create();
  world.add("https://app.test/", options);
  const ConnId conn = newest(world);
  world.connected(conn);
  (void)world.sent(conn);
  world.receive(conn,
                "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=100\r\nSet-Cookie: a=1; Secure\r\n"
                "Content-Length: 0\r\n\r\n");
  CHECK(engine.hsts->applies(*Url::parse("http://app.test/"), world.now.wall));
  world.add("https://app.test/", options);
  CHECK(world.sent(conn).contains("Cookie: a=1\r\n"));
}

TEST_CASE("the end of a secure stream is as clean as that of a plain one") {
  EngineWorld world;
  const TransferId id = world.add("https://app.test/", by_way_of(stream()));
  const ConnId conn = newest(world);
  world.connected(conn);
  (void)world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\n\r\nto the end");
  world.eof(conn);
  CHECK(world.succeeded(id));
}

TEST_CASE("HSTS over TLS that nobody verified is not believed") {
  for (const bool verifies : {true, false}) {
    EngineOptions engine;
    engine.hsts = std::make_shared<HstsStore>();
    TlsOptions tls = trusting_options();
    tls.verify_peer = verifies;
    TlsWorld world(tls, example_server(), engine);
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    world.answer_with(conn, "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=100\r\nContent-Length: 0\r\n\r\n");
    REQUIRE(world.succeeded(id));
    CHECK(engine.hsts->applies(*Url::parse("http://example.org/"), world.now.wall) == verifies);
  }
}
