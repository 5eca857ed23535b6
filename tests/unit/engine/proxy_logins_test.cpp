// Logins at proxies, Negotiate and NTLM: for a tunnel, and with requests that are forwarded, where the login belongs to
// the connection. The messages of NTLM are tested in tests/unit/rules/ntlm_test.cpp.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/base/base64.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"
#include "tests/support/tickets.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kBegins = "NTLM TlRMTVNTUAABAAAA";
constexpr std::string_view kAnswers = "NTLM TlRMTVNTUAADAAAA";

struct Guarded {
  explicit Guarded(AuthSchemes schemes, bool tunnel = false) {
    proxy.tunnel = tunnel;
    proxy.schemes = schemes;
    if (schemes.negotiate) proxy.negotiate = tickets;
    if (schemes.basic || schemes.digest || schemes.ntlm) proxy.user = "me", proxy.password = "secret";
  }
  TransferOptions options() const { return through(proxy); }

  std::shared_ptr<Tickets> tickets = std::make_shared<Tickets>("ada");
  Proxy proxy = proxy_at(ProxyKind::http);
};

constexpr AuthSchemes kNegotiate = {.basic = false, .negotiate = true};
constexpr AuthSchemes kNtlm = {.basic = false, .ntlm = true};
constexpr AuthSchemes kAny = {.basic = true, .digest = true, .ntlm = true, .negotiate = true};

std::string demand(std::string_view challenges, std::string_view fields = "") {
  return "HTTP/1.1 407 Who\r\n" + std::string(challenges) + std::string(fields) + "Content-Length: 2\r\n\r\nno";
}
std::string token_field(std::string_view token) { return "Proxy-Authenticate: Negotiate " + base64(token) + "\r\n"; }
std::string offer(std::string_view scheme) { return "Proxy-Authenticate: " + std::string(scheme) + "\r\n"; }
// A type 2 message of Unicode, without target information.
std::string ntlm_challenge() {
  std::string message("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\x05\x82\x08\0", 24);
  return "Proxy-Authenticate: NTLM " + base64(message + "challeng") + "\r\n";
}

// The value of Proxy-Authorization, for Negotiate the token alone; "": there is none.
std::string for_proxy(std::string_view request) {
  constexpr std::string_view kName = "\r\nProxy-Authorization: ";
  const std::size_t at = request.find(kName);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kName.size();
  const std::string value(request.substr(begin, request.find('\r', begin) - begin));
  return value.starts_with("Negotiate ") ? from_base64(value.substr(10)).value_or("not base64") : value;
}
std::string after_head(const std::string& wire) { return wire.substr(wire.find("\r\n\r\n") + 4); }

ConnId met(EngineWorld& world) {
  world.connected(newest(world));
  return newest(world);
}
void in_bytes(EngineWorld& world, ConnId conn, std::string_view bytes) {
  for (const char& byte : bytes) world.receive(conn, std::string_view(&byte, 1));
}

}  // namespace

TEST_CASE(
    "proxy logins: CONNECT carries a token of Negotiate, further ones on the same connection, and the last is checked") {
  const Guarded ada(kNegotiate, true);
  EngineWorld world;
  const TransferId id = world.add("http://example.org/", ada.options());
  const ConnId conn = met(world);
  CHECK(for_proxy(world.sent(conn)) == "1.0");
  for (const std::string token : {"1.1", "1.2"}) {
    in_bytes(world, conn, demand(token_field("more")));
    CHECK(for_proxy(world.sent(conn)) == token);
  }
  in_bytes(world, conn, "HTTP/1.1 200 OK\r\n" + token_field("done") + "\r\n");
  CHECK(for_proxy(world.sent(conn)).empty());
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  CHECK(ada.tickets->log == "begin 192.0.2.99; more; more; done; ");
  CHECK(world.connects.size() == 1);
  const Guarded bob(kNegotiate, true);
  const TransferId other = world.add("http://example.net/", bob.options());
  world.connected(newest(world));
  CHECK(for_proxy(world.sent(newest(world))) == "1.0");
  world.receive(newest(world), "HTTP/1.1 200 OK\r\n" + token_field("false") + "\r\n");
  CHECK(world.failure(other) == Code::tunnel_failed);
}

TEST_CASE("proxy logins: a token that is refused ends the transfer, and without a ticket CONNECT goes without") {
  for (const bool ticket : {true, false}) {
    const Guarded ada(kNegotiate, true);
    ada.tickets->there = ticket;
    EngineWorld world;
    const TransferId id = world.add("http://example.org/", ada.options());
    const ConnId conn = met(world);
    CHECK(for_proxy(world.sent(conn)) == (ticket ? "1.0" : ""));
    world.receive(conn, demand(offer("Negotiate")));
    CHECK(world.sent(conn).empty());
    CHECK(world.failure(id) == Code::tunnel_failed);
    CHECK(world.connects.size() == 1);
  }
}

TEST_CASE("proxy logins: of several schemes Negotiate comes first, then Digest, NTLM, and Basic") {
  const std::string digest = offer("Digest realm=\"r\", nonce=\"n\"");
  struct Row {
    std::string challenges;
    bool ticket;
    std::string_view begins;
  };
  const Row rows[] = {
      {offer("Basic realm=r") + offer("NTLM") + digest + offer("Negotiate"), true, "1.0"},
      {offer("Basic realm=r") + offer("NTLM") + digest + offer("Negotiate"), false, "Digest "},
      {offer("Basic realm=r") + offer("NTLM") + offer("Negotiate"), false, kBegins},
      {offer("Basic realm=r") + offer("NTLM"), true, kBegins},
      {offer("Basic realm=r"), true, "Basic "},
  };
  for (const bool tunnel : {true, false}) {
    for (const Row& row : rows) {
      CAPTURE(row.challenges);
      const Guarded any(kAny, tunnel);
      any.tickets->there = row.ticket;
      EngineWorld world;
      world.add("http://example.org/", any.options());
      const ConnId conn = met(world);
      CHECK(for_proxy(world.sent(conn)).empty());
      world.receive(conn, demand(row.challenges));
      CHECK(for_proxy(world.sent(conn)).starts_with(row.begins));
    }
  }
}

TEST_CASE("proxy logins: if the offer ends its connection, the next CONNECT begins with a token") {
  const Guarded any(kAny, true);
  EngineWorld world;
  const TransferId id = world.add("http://example.org/", any.options());
  world.connected(newest(world));
  world.sent(newest(world));
  world.receive(newest(world), demand(offer("Negotiate"), "Connection: close\r\n"));
  REQUIRE(world.connects.size() == 2);
  const ConnId conn = met(world);
  CHECK(for_proxy(world.sent(conn)) == "2.0");
  world.receive(conn, "HTTP/1.1 200 OK\r\n" + token_field("done") + "\r\n");
  world.sent(conn);
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
}

TEST_CASE("proxy logins: each forwarded request has a token of its own, and the proxy's last one is checked") {
  const Guarded ada(kNegotiate);
  EngineWorld world;
  const TransferId first = world.add(with_body("POST", BodyOwned{"data"}, "http://192.0.2.1/"), ada.options());
  const ConnId conn = met(world);
  const std::string wire = world.sent(conn);
  CHECK(wire.starts_with("POST http://192.0.2.1/ "));
  CHECK(for_proxy(wire) == "1.0");
  CHECK(after_head(wire) == "data");
  in_bytes(world, conn, demand(token_field("more")));
  CHECK(world.heads.empty());
  const std::string next = world.sent(conn);
  CHECK(for_proxy(next) == "1.1");
  CHECK(after_head(next) == "data");
  in_bytes(world, conn, answer("in", token_field("done")));
  CHECK(world.succeeded(first));
  CHECK(world.engine.hops(first).at(1).reason == HopReason::authentication);
  const TransferId second = world.add("http://192.0.2.2/", ada.options());
  CHECK(for_proxy(world.sent(conn)) == "2.0");
  world.receive(conn, answer("in", token_field("false")));
  CHECK(world.failure(second) == Code::authentication_failed);
  const TransferId third = world.add("http://192.0.2.3/", ada.options());
  world.connected(newest(world));
  CHECK(for_proxy(world.sent(newest(world))) == "3.0");
  world.receive(newest(world), demand(offer("Negotiate")));  // refused
  CHECK(world.succeeded(third));
  CHECK(world.engine.head(third).status == 407);
}

TEST_CASE("proxy logins: a challenge of Negotiate whose connection ends is the response") {
  const Guarded ada(kNegotiate);
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", ada.options());
  const ConnId conn = met(world);
  world.sent(conn);
  world.receive(conn, demand(token_field("more"), "Proxy-Connection: close\r\n"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 407);
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("proxy logins: NTLM with forwarded requests logs the connection in, and the body goes with the answer") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId first = world.add(with_body("POST", BodyOwned{"data"}, "http://192.0.2.1/a"), me.options());
  const ConnId conn = met(world);
  const std::string begin = world.sent(conn);
  CHECK(for_proxy(begin).starts_with(kBegins));
  CHECK(begin.contains("\r\nContent-Length: 0\r\n"));
  CHECK(after_head(begin).empty());
  in_bytes(world, conn, demand(ntlm_challenge()));
  const std::string finish = world.sent(conn);
  CHECK(finish.starts_with("POST http://192.0.2.1/a "));
  CHECK(for_proxy(finish).starts_with(kAnswers));
  CHECK(after_head(finish) == "data");
  in_bytes(world, conn, answer("in"));
  CHECK(world.succeeded(first));
  // The connection is the user's from now on, whatever the origin.
  const TransferId second = world.add(with_body("POST", BodyOwned{"more"}, "http://192.0.2.2/b"), me.options());
  const std::string bare = world.sent(conn);
  CHECK(for_proxy(bare).empty());
  CHECK(after_head(bare) == "more");
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(second));
  // Until the proxy asks again.
  const TransferId third = world.add("http://192.0.2.3/c", me.options());
  CHECK(for_proxy(world.sent(conn)).empty());
  world.receive(conn, demand(offer("NTLM")));
  CHECK(for_proxy(world.sent(conn)).starts_with(kBegins));
  world.receive(conn, demand(ntlm_challenge()));
  CHECK(for_proxy(world.sent(conn)).starts_with(kAnswers));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(third));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("SB-36 proxy logins: a connection that NTLM has logged in carries no other user's requests") {
  Guarded me(kNtlm);
  EngineWorld world;
  world.add("http://192.0.2.1/", me.options());
  const ConnId conn = met(world);
  world.sent(conn);
  world.receive(conn, demand(ntlm_challenge()));
  world.sent(conn);
  world.receive(conn, answer("in"));
  me.proxy.user = "you";
  world.add("http://192.0.2.1/", me.options());
  CHECK(world.sent(conn).empty());
  CHECK(world.connects.size() == 2);
}

TEST_CASE("proxy logins: an answer of NTLM that is refused is the last") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", me.options());
  const ConnId conn = met(world);
  world.sent(conn);
  world.receive(conn, demand(ntlm_challenge()));
  world.sent(conn);
  world.receive(conn, demand(offer("NTLM")));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 407);
  // So the connection is nobody's.
  world.add("http://192.0.2.1/", me.options());
  CHECK(for_proxy(world.sent(conn)).starts_with(kBegins));
}

TEST_CASE("proxy logins: where the proxy asks for no login, the body follows, once") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}, "http://192.0.2.1/"), me.options());
  const ConnId conn = met(world);
  CHECK(after_head(world.sent(conn)).empty());
  world.receive(conn, answer("without"));
  const std::string whole = world.sent(conn);
  CHECK(for_proxy(whole).empty());
  CHECK(after_head(whole) == "data");
  world.receive(conn, answer("with"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "with");
}

TEST_CASE("proxy logins: if the connection is lost after the challenge of NTLM, the login begins again, once") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", me.options());
  for (int round = 0; round < 2; ++round) {
    const ConnId conn = met(world);
    CHECK(for_proxy(world.sent(conn)).starts_with(kBegins));
    // The rest of the page never comes.
    const std::string challenge = demand(ntlm_challenge());
    world.receive(conn, std::string_view(challenge).substr(0, challenge.size() - 1));
    world.engine.handle_eof(conn, world.now);
    world.drain();
    REQUIRE(world.connects.size() == static_cast<std::size_t>(round) + 2);
  }
  world.connected(newest(world));
  CHECK(world.failure(id) == Code::connection_closed);
}

TEST_CASE("proxy logins: the challenge's connection is given to nobody else before the answer") {
  const Guarded me(kNtlm);
  EngineOptions options;
  options.max_connections_per_proxy = 1;
  EngineWorld world(options);
  const TransferId first = world.add("http://192.0.2.1/one", me.options());
  const ConnId conn = met(world);
  const TransferId second = world.add("http://192.0.2.1/two", me.options());
  CHECK(world.sent(conn).starts_with("GET http://192.0.2.1/one "));
  world.receive(conn, demand(ntlm_challenge()));
  CHECK(world.sent(conn).starts_with("GET http://192.0.2.1/one "));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(first));
  CHECK(world.sent(conn).starts_with("GET http://192.0.2.1/two "));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(second));
}

TEST_CASE("proxy logins: forbid_reuse lets one connection carry the login, and nothing after it") {
  for (const AuthSchemes& schemes : {kNtlm, kNegotiate}) {
    const Guarded me(schemes);
    EngineWorld world;
    TransferOptions options = me.options();
    options.forbid_reuse = true;
    const TransferId id = world.add("http://192.0.2.1/", options);
    const ConnId conn = met(world);
    world.sent(conn);
    if (schemes.ntlm) {
      world.receive(conn, demand(ntlm_challenge()));
      CHECK(for_proxy(world.sent(conn)).starts_with(kAnswers));
    }
    world.receive(conn, answer("in"));
    CHECK(world.succeeded(id));
    CHECK(closes_of(world, conn) == 1);
  }
}

TEST_CASE("proxy logins: a login at the proxy and one at the origin, one after the other") {
  const Guarded me(kNtlm);
  EngineWorld world;
  TransferOptions options = me.options();
  options.credentials = std::make_shared<const Credentials>(
      Credentials{.user = "you", .password = "word", .schemes = {.basic = true, .digest = true}});
  Request request = with_body("POST", BodyOwned{"data"}, "http://192.0.2.1/");
  const TransferId id = world.add(std::move(request), options);
  const ConnId conn = met(world);
  world.sent(conn);
  world.receive(conn, demand(ntlm_challenge()));
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n");
  const std::string last = world.sent(conn);
  CHECK(for_proxy(last).empty());
  CHECK(last.contains("\r\nAuthorization: Basic "));
  CHECK(after_head(last) == "data");
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
}

TEST_CASE("proxy logins: a streamed body that NTLM has kept back need not be given again") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId id = world.add(with_body("PUT", BodyStream{}, "http://192.0.2.1/"), me.options());
  const ConnId conn = met(world);
  CHECK(after_head(world.sent(conn)).empty());
  CHECK(supply(world, id, "early ") == 6);  // nobody asked, but it is kept
  world.receive(conn, demand(ntlm_challenge()));
  CHECK(world.rewinds.empty());
  REQUIRE_FALSE(world.done(id));
  CHECK(supply(world, id, "bytes") == 5);
  world.engine.finish_upload(id, world.now);
  world.drain();
  const std::string wire = world.sent(conn);
  CHECK(for_proxy(wire).starts_with(kAnswers));
  CHECK(wire.contains("\r\nearly \r\n"));
  CHECK(wire.contains("\r\nbytes\r\n"));
  world.receive(conn, answer("thanks"));
  CHECK(world.succeeded(id));
}

TEST_CASE("proxy logins: forbid_reuse closes the connection of a first message that no answer follows") {
  const Guarded me(kNtlm);
  EngineWorld world;
  TransferOptions options = me.options();
  options.forbid_reuse = true;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}, "http://192.0.2.1/"), options);
  const ConnId conn = met(world);
  world.sent(conn);
  world.receive(conn, answer("without"));
  CHECK(closes_of(world, conn) == 1);
  REQUIRE(world.connects.size() == 2);
  const ConnId next = met(world);
  CHECK(after_head(world.sent(next)) == "data");
  world.receive(next, answer("with"));
  CHECK(world.succeeded(id));
  CHECK(closes_of(world, next) == 1);
}

TEST_CASE("proxy logins: a change of the network in the middle of a login lets its connection end the login") {
  const Guarded me(kNtlm);
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", me.options());
  const ConnId conn = met(world);
  world.sent(conn);
  world.engine.network_changed(world.now);
  world.drain();
  world.receive(conn, demand(ntlm_challenge()));
  CHECK(for_proxy(world.sent(conn)).starts_with(kAnswers));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 200);
  CHECK(closes_of(world, conn) == 1);
}
