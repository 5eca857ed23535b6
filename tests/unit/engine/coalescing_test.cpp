// Requests of one host on the HTTP/2 connection of another one (EngineOptions::coalesce_connections), over real TLS:
// when a connection is shared, when it never is, and what follows 421.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/address_rule.hpp"
#include "core/base/limits.hpp"
#include "core/cookies.hpp"
#include "core/tls_hooks.hpp"
#include "tests/support/coalescing_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using namespace std::chrono_literals;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("coalescing: a host at the same address whose name the certificate has gets the same connection") {
  for (const bool busy : {false, true}) {
    SharedWorld world;
    const ConnId conn = world.visit_a();
    world.server(conn).plain().clear();
    if (busy) world.ask("https://a.example/long");
    world.carry(conn);
    const TransferId b = world.visit("https://b.example/b", "192.0.2.9", {"192.0.2.1"});
    CHECK(world.connects.size() == 1);
    world.reply(conn, status(busy ? 5 : 3, "200", "of b"));
    REQUIRE(world.succeeded(b));
    CHECK(world.bodies[b] == "of b");
    CHECK(world.engine.info(b).conn == conn);
    CHECK(world.engine.info(b).reused);
    CHECK(world.engine.info(b).retries == 0);
    // The next one needs no look-up.
    world.ask("https://b.example/again");
    CHECK(world.resolves.empty());
    CHECK(world.connects.size() == 1);
    CHECK(world.engine.idle_connections() == 0);
  }
}

TEST_CASE("coalescing: the request says whose it is") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  world.visit("https://b.example/b");
  world.reply(conn, status(3, "200"));
  const std::string& text = world.fields[conn];
  CHECK(has(text, ":authority: b.example\n"));
  CHECK(has(text, ":path: /b\n"));
}

TEST_CASE("coalescing: all that wait for the first look-up go there, and a wildcard counts") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  std::vector<TransferId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(world.ask("https://x.c.example/"));
  world.resolved("192.0.2.1");
  CHECK(world.connects.size() == 1);
  world.carry(conn);
  std::string answers;
  for (std::uint32_t i = 0; i < 5; ++i) answers += status(3 + 2 * i, "200");
  world.reply(conn, answers);
  for (const TransferId id : ids) CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("coalescing: an address literal that the certificate has is a host as well") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  const TransferId id = world.ask("https://192.0.2.1/");
  CHECK(world.connects.size() == 1);
  world.reply(conn, status(3, "200"));
  CHECK(world.succeeded(id));
}

TEST_CASE("coalescing: never without the option") {
  SharedWorld world{EngineOptions{}};
  world.visit_a();
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: never where the address, the port or the name differs") {
  SharedWorld world;
  world.visit_a();
  std::size_t connects = 1;
  SUBCASE("address") { world.visit("https://b.example/", "192.0.2.2"); }
  SUBCASE("port") { world.visit("https://b.example:444/"); }
  SUBCASE("a name that the certificate does not have") { world.visit("https://d.example/"); }
  SUBCASE("a name below a wildcard's") { world.visit("https://y.x.c.example/"); }
  CHECK(world.connects.size() == ++connects);
}

TEST_CASE("coalescing: never where options differ by which connections are told apart") {
  SharedWorld world;
  world.visit_a();
  TransferOptions& options = world.options;
  SUBCASE("TLS") {
    TlsOptions other = trusting_options();
    other.session_resumption = false;
    options.tls = make_config(other);
  }
  SUBCASE("version") { options.http_versions = HttpVersions::at_least_http2; }
  SUBCASE("HTTP/1.1 alone") { options.http_versions = HttpVersions::http1_1; }
  SUBCASE("family") { options.family = AddressFamily::ipv4; }
  SUBCASE("a fresh connection is asked for") { options.fresh_connection = true; }
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: never with connect_to, on either side") {
  SharedWorld world;
  world.visit_a();
  world.options.connect_to = ConnectTo{"192.0.2.1", 443};
  world.ask("https://b.example/");
  REQUIRE(world.connects.size() == 2);
  const ConnId conn = world.connect();
  world.reply(conn, h2::settings() + status(1, "200"));
  world.ask("https://a.example/");
  CHECK(world.connects.size() == 3);
}

TEST_CASE("coalescing: what was not verified is not shared") {
  TlsOptions careless = trusting_options();
  careless.verify_peer = false;
  SharedWorld world(sharing(), careless);
  world.visit_a();
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: the application's verifier is asked about the other host too") {
  struct OnlyA final : TlsVerifier {
    OnlyA() = default;
    std::optional<std::string> refuse(const TlsPeer& peer) const override {
      return peer.host == "a.example" ? std::nullopt : std::optional<std::string>("not a");
    }
  };
  TlsOptions options = trusting_options();
  options.verifier = std::make_shared<OnlyA>();
  SharedWorld world(sharing(), options);
  world.visit_a();
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: a certificate that has expired since proves nothing") {
  EngineOptions lasting = sharing();
  lasting.idle_connection_timeout = 200 * 24h;
  SharedWorld world(lasting);
  world.visit_a();
  world.now.wall += 100 * kDay;
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: HTTP/1 connections are not shared") {
  SharedWorld world(sharing(), trusting_options(), two_hosts({"http/1.1"}));
  const TransferId a = world.ask("https://a.example/");
  world.resolved("192.0.2.1");
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, answer("x"));
  REQUIRE(world.succeeded(a));
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: a connection that takes no more streams, or is gone, is not shared") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  SUBCASE("limit of streams") {
    world.ask("https://a.example/long");
    world.reply(conn, h2::settings({{h2::kMaxStreams, 1}}));
  }
  SUBCASE("GOAWAY") { world.reply(conn, h2::goaway(1, 0)); }
  SUBCASE("closed") { world.eof(conn); }
  SUBCASE("the network has changed") {
    world.ask("https://a.example/long");
    world.engine.network_changed(world.now);
    world.drain();
  }
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: when the shared connection is gone, the host gets its own") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  const TransferId b = world.visit("https://b.example/");
  world.carry(conn);
  world.eof(conn);  // the request is idempotent, and the connection was used before
  REQUIRE(world.connects.size() == 2);
  const ConnId second = world.connect();
  world.carry(second);
  CHECK(world.server(second).server_name() == "b.example");
  world.reply(second, h2::settings() + status(1, "200", "own"));
  CHECK(world.bodies[b] == "own");
  // And now it is b's that a may use.
  const TransferId a = world.ask("https://a.example/");
  CHECK(world.resolves.empty());  // its address is still known
  CHECK(world.connects.size() == 2);
  world.reply(second, status(3, "200"));
  CHECK(world.succeeded(a));
  check_nothing_left(world);
}

TEST_CASE("coalescing: the address rule is asked for the other host") {
  struct OnlyA final : AddressRule {
    Answer ask(const Question& question) override {
      return {question.host == "a.example" ? Answer::Kind::allow : Answer::Kind::forbid, {}};
    }
  };
  EngineOptions ruled = sharing();
  ruled.address_rule = std::make_shared<OnlyA>();
  SharedWorld world(std::move(ruled));
  world.visit_a();
  const TransferId b = world.visit("https://b.example/");
  world.pass(1ms);
  CHECK(world.failure(b) == Code::address_forbidden);
}

TEST_CASE("coalescing: 421 on another host's connection: the request goes to one of its own, whatever its method") {
  SharedWorld world;
  world.options.cookies = CookieJar::create();
  const ConnId shared = world.visit_a();
  Request post = EngineWorld::get("https://b.example/", "POST");
  post.body = BodyOwned("body");
  const TransferId b = world.add(std::move(post), world.options);
  world.resolved("192.0.2.1");
  world.reply(shared,
              h2::headers(3, {{":status", "421"}, {"set-cookie", "c=1"}}) + h2::data(3, "not here", h2::kEndStream));
  CHECK(world.heads.size() == 1);  // a's
  REQUIRE(world.connects.size() == 2);
  const ConnId own = world.connect();
  world.reply(own, h2::settings() + status(1, "421", "not here either"));
  CHECK(world.server(own).server_name() == "b.example");
  CHECK(has(world.fields[own], ":method: POST\n"));
  CHECK_FALSE(has(world.fields[own], "cookie"));
  // Once: on a connection of its own 421 is a response.
  REQUIRE(world.succeeded(b));
  CHECK(world.engine.head(b).status == 421);
  CHECK(world.bodies[b] == "not here either");
  CHECK(world.engine.info(b).retries == 1);
  CHECK(world.connects.size() == 2);
  // The connection with a lives, and b does not come back to it.
  const TransferId a = world.ask("https://a.example/");
  world.reply(shared, status(5, "200"));
  CHECK(world.succeeded(a));
  world.engine.close_idle_connections(world.now);
  world.drain();
  const ConnId again = world.visit_a();
  world.ask("https://b.example/");
  CHECK(world.connects.back().conn != again);
}

TEST_CASE("coalescing: 421 is a response where nothing was shared, and where the request may not be sent again") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  TransferId id;
  SUBCASE("its own connection") { id = world.ask("https://a.example/"); }
  SUBCASE("resend is false") {
    world.options.resend = false;
    id = world.visit("https://b.example/");
  }
  world.reply(conn, status(3, "421"));
  REQUIRE(world.succeeded(id));
  CHECK(world.engine.head(id).status == 421);
  CHECK(world.connects.size() == 1);
}

TEST_CASE(
    "coalescing: after 421 the next request goes to a connection of its own, also if the first is not sent again") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  world.options.resend = false;
  const TransferId refused = world.visit("https://b.example/");
  world.reply(conn, status(3, "421"));
  REQUIRE(world.engine.head(refused).status == 421);
  world.ask("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: HTTP_1_1_REQUIRED is about the guest: it gets HTTP/1.1 of its own, and the host keeps HTTP/2") {
  constexpr std::uint32_t kNeedsHttp1 = 13;
  SharedWorld world;
  const ConnId shared = world.visit_a();
  const TransferId b = world.visit("https://b.example/b");
  world.reply(shared, h2::reset(3, kNeedsHttp1));
  REQUIRE(world.connects.size() == 2);
  const ConnId own = world.connect();
  world.carry(own);
  CHECK(world.server(own).server_name() == "b.example");
  CHECK(world.server(own).plain().starts_with("GET /b HTTP/1.1\r\n"));
  world.answer_with(own, answer("own"));
  CHECK(world.bodies[b] == "own");
  const TransferId a = world.ask("https://a.example/");
  CHECK(world.connects.size() == 2);
  world.reply(shared, status(5, "200"));
  REQUIRE(world.succeeded(a));
  world.engine.close_idle_connections(world.now);
  world.drain();
  const TransferId again = world.ask("https://a.example/");
  const ConnId third = world.connect();
  world.reply(third, h2::settings() + status(1, "200"));
  CHECK(world.engine.info(again).alpn == "h2");
  world.ask("https://b.example/");
  CHECK(world.connects.size() == 4);
}

TEST_CASE("coalescing: HTTP_1_1_REQUIRED where HTTP/2 is asked for fails, and the next one has its own connection") {
  constexpr std::uint32_t kNeedsHttp1 = 13;
  SharedWorld world;
  world.options.http_versions = HttpVersions::at_least_http2;
  const ConnId shared = world.visit_a();
  const TransferId b = world.visit("https://b.example/");
  world.reply(shared, h2::reset(3, kNeedsHttp1));
  CHECK(world.failure(b) == Code::http2_stream);
  world.ask("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing: where connections end unannounced, what must not be repeated gets a fresh one") {
  SharedWorld world;
  const TransferId b = world.ask("https://b.example/");
  world.resolved("192.0.2.1");
  const ConnId own = world.connect();
  world.reply(own, h2::settings() + status(1, "200"));
  REQUIRE(world.succeeded(b));
  world.eof(own);
  const TransferId a = world.ask("https://a.example/");
  world.resolved("192.0.2.1");
  const ConnId conn = world.connect();
  world.reply(conn, h2::settings() + status(1, "200"));
  REQUIRE(world.succeeded(a));
  SUBCASE("POST") {
    Request post = EngineWorld::get("https://b.example/", "POST");
    post.body = BodyOwned("body");
    world.add(std::move(post), world.options);
    CHECK(world.connects.size() == 3);
  }
  SUBCASE("GET") {
    world.ask("https://b.example/");
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("coalescing: for one dial few certificates are looked at, however many addresses the host has") {
  struct Counting final : TlsVerifier {
    std::optional<std::string> refuse(const TlsPeer& peer) const override {
      if (peer.host != "b.example") return std::nullopt;
      ++asked;
      return "not b";
    }
    mutable std::size_t asked = 0;
  };
  const auto verifier = std::make_shared<Counting>();
  TlsOptions options = trusting_options();
  options.verifier = verifier;
  SharedWorld world(sharing(), options);
  std::vector<std::string> addresses;
  for (std::size_t i = 1; i <= limits::kMaxCoalescingChecks + 2; ++i) {
    const std::string number = std::to_string(i);
    addresses.push_back("192.0.2." + number);
    const TransferId id = world.ask("https://x" + number + ".c.example/");
    world.resolved(addresses.back());
    const ConnId conn = world.connect();
    world.reply(conn, h2::settings() + status(1, "200"));
    REQUIRE(world.succeeded(id));
  }
  const std::size_t before = world.connects.size();
  world.visit("https://b.example/", addresses.front(), {addresses.begin() + 1, addresses.end()});
  CHECK(world.connects.size() == before + 1);
  CHECK(verifier->asked == limits::kMaxCoalescingChecks);
}

TEST_CASE("coalescing: cancel of a guest, and of the host, leaves the other") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  const TransferId b = world.visit("https://b.example/");
  const TransferId a = world.ask("https://a.example/");
  SUBCASE("guest") { world.engine.cancel(b, world.now); }
  SUBCASE("host") { world.engine.cancel(a, world.now); }
  world.drain();
  world.reply(conn, status(3, "200") + status(5, "200"));
  CHECK(world.succeeded(a) != world.succeeded(b));
  CHECK(world.connects.size() == 1);
  check_nothing_left(world);
}

TEST_CASE("coalescing: a connection that is shared is kept as long as an idle one, and its end is noticed") {
  SharedWorld world;
  const ConnId conn = world.visit_a();
  world.pass(40s);
  const TransferId b = world.visit("https://b.example/");
  world.reply(conn, status(3, "200"));
  REQUIRE(world.succeeded(b));
  world.pass(59s);
  CHECK(world.engine.idle_connections() == 1);
  world.pass(2s);
  CHECK(world.engine.idle_connections() == 0);
  check_nothing_left(world);
}

}  // namespace sluice
