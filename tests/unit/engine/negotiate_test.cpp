// Negotiate through the whole engine: which request carries which token, on which connection, and who may use a
// connection that is logged in. The tokens are a test's own; those of GSSAPI are tested in
// tests/integration/cli_negotiate_test.cpp.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/base64.hpp"
#include "tests/support/connection_world.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/mux_world.hpp"
#include "tests/support/tickets.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kHome = "http://192.0.2.1/";

struct Ada {
  std::shared_ptr<Tickets> tickets = std::make_shared<Tickets>("ada");
  TransferOptions options = with_schemes({.basic = false, .negotiate = true});

  TransferOptions with_schemes(AuthSchemes schemes, std::string user = "") const {
    TransferOptions made;
    made.credentials = std::make_shared<const Credentials>(
        Credentials{.user = user, .password = user.empty() ? "" : "secret", .schemes = schemes, .negotiate = tickets});
    return made;
  }
};

std::string shows(std::string_view token) { return "WWW-Authenticate: Negotiate " + base64(token) + "\r\n"; }
std::string refuses(std::string_view fields) {
  return "HTTP/1.1 401 No\r\n" + std::string(fields) + "Content-Length: 2\r\n\r\nno";
}
std::string asks() { return refuses("WWW-Authenticate: Negotiate\r\n"); }
std::string wants_more() { return refuses(shows("more")); }
std::string lets_in(std::string_view more = "") { return answer("in", shows("done") + std::string(more)); }
constexpr std::string_view kPersistent = "Persistent-Auth: true\r\n";

ConnId opened_now(EngineWorld& world) {
  world.connected(newest(world));
  return newest(world);
}
// The token of a request; "": it has no Authorization field. Another scheme's value is shown as it is.
std::string token_in(std::string_view request) {
  const std::size_t at = request.find("\r\nAuthorization: ");
  if (at == std::string::npos) return "";
  const std::string value(request.substr(at + 17, request.find('\r', at + 2) - at - 17));
  return value.starts_with("Negotiate ") ? from_base64(value.substr(10)).value_or("not base64") : value;
}
std::string body_in(const std::string& wire) { return wire.substr(wire.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("negotiate: the first request carries a token and its body, and the server's last token is looked at") {
  const Ada ada;
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), ada.options);
  const ConnId conn = opened_now(world);
  const std::string wire = world.sent(conn);
  CHECK(token_in(wire) == "1.0");
  CHECK(body_in(wire) == "data");
  world.receive(conn, lets_in());
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "in");
  CHECK(ada.tickets->log == "begin 192.0.2.1; done; ");
  CHECK(world.engine.hops(id).size() == 1);
  // A server need not show who it is.
  const TransferId other = world.add(kHome, ada.options);
  CHECK(token_in(world.sent(conn)) == "2.0");
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(other));
}

TEST_CASE("negotiate: more tokens go on one connection, which is given to no other transfer meanwhile") {
  const Ada ada;
  EngineOptions engine_options;
  engine_options.max_connections_per_origin = 1;
  EngineWorld world(engine_options);
  const TransferId first = world.add(with_body("POST", BodyOwned{"data"}), ada.options);
  const ConnId conn = opened_now(world);
  const TransferId second = world.add("http://192.0.2.1/two", ada.options);
  CHECK(token_in(world.sent(conn)) == "1.0");
  for (const char* const token : {"1.1", "1.2"}) {
    world.receive(conn, wants_more());
    CHECK(world.heads.empty());
    const std::string next = world.sent(conn);
    CHECK(next.starts_with("POST / "));
    CHECK(token_in(next) == token);
    CHECK(body_in(next) == "data");
  }
  world.receive(conn, lets_in());
  CHECK(world.succeeded(first));
  CHECK(world.engine.hops(first).at(1).reason == HopReason::authentication);
  const std::string last = world.sent(conn);
  CHECK(last.starts_with("GET /two "));
  CHECK(token_in(last) == "2.0");
  world.receive(conn, lets_in());
  CHECK(world.succeeded(second));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("negotiate: a refusal is the response, and a server that always wants more gets five tokens") {
  for (const std::string& refusal :
       {asks(), refuses(""), refuses(shows("bad")), refuses(shows("done")),
        refuses("WWW-Authenticate: Negotiate a\r\n"), refuses("WWW-Authenticate: Basic realm=\"r\"\r\n"),
        "HTTP/1.0" + wants_more().substr(8)}) {
    CAPTURE(refusal);
    const Ada ada;
    EngineWorld world;
    const TransferId id = world.add(kHome, ada.options);
    const ConnId conn = opened_now(world);
    CHECK(token_in(world.sent(conn)) == "1.0");
    world.receive(conn, refusal);
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 401);
    CHECK(world.connects.size() == 1);
    CHECK(ada.tickets->log.find("begin", 1) == std::string::npos);
  }
  const Ada ada;
  EngineWorld world;
  const TransferId id = world.add(kHome, ada.options);
  const ConnId conn = opened_now(world);
  for (const char* const token : {"1.0", "1.1", "1.2", "1.3", "1.4"}) {
    CHECK(token_in(world.sent(conn)) == token);
    world.receive(conn, wants_more());
  }
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 401);
  CHECK(world.engine.hops(id).size() == 5);
}

TEST_CASE("negotiate: a server whose last token is wrong has not shown who it is, whatever its response") {
  struct Wrong {
    std::string fields, says;
  };
  for (const Wrong& wrong : {Wrong{shows("bad"), "a bad token"}, Wrong{shows("more"), "leaves the login unfinished"},
                             Wrong{"WWW-Authenticate: Negotiate a\r\n", "not base64"}}) {
    for (const std::string& status : {"200 OK", "404 No", "302 S\r\nLocation: /there"}) {
      CAPTURE(wrong.says);
      const Ada ada;
      EngineWorld world;
      TransferOptions options = ada.options;
      options.redirects = RedirectOptions{};
      const TransferId id = world.add(kHome, options);
      const ConnId conn = opened_now(world);
      world.sent(conn);
      world.receive(conn, "HTTP/1.1 " + status + "\r\n" + std::string(kPersistent) + wrong.fields +
                              "Content-Length: 2\r\n\r\nin");
      CHECK(world.failure(id) == Code::authentication_failed);
      const std::string message = world.results.at(id).error().message();
      CHECK(message.contains("Negotiate: the server has not shown who it is: "));
      CHECK(message.contains(wrong.says));
      CHECK(world.bodies[id].empty());
      world.add(kHome, ada.options);  // at such a server nobody is logged in
      CHECK(token_in(world.sent(newest(world))) == "2.0");
    }
  }
}

TEST_CASE("negotiate: without a ticket the request goes without, and is not made to try again") {
  const Ada ada;
  ada.tickets->there = false;
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), ada.options);
  const ConnId conn = opened_now(world);
  const std::string wire = world.sent(conn);
  CHECK(token_in(wire).empty());
  CHECK(body_in(wire) == "data");
  world.receive(conn, asks());
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 401);
  CHECK(ada.tickets->log == "begin 192.0.2.1; ");
  // Nor is what the server shows unasked for anybody's.
  const TransferId free = world.add(kHome, ada.options);
  world.sent(conn);
  world.receive(conn, answer("in", shows("bad") + std::string(kPersistent)));
  CHECK(world.succeeded(free));
  ada.tickets->there = true;
  world.add(kHome, ada.options);
  CHECK(token_in(world.sent(conn)) == "3.0");
}

TEST_CASE("negotiate: if the connection is lost before the next token, a new login begins, once") {
  for (const bool twice : {false, true}) {
    const Ada ada;
    EngineWorld world;
    const TransferId id = world.add(kHome, ada.options);
    const auto lose_it = [&](const char* token) {
      const ConnId conn = opened_now(world);
      CHECK(token_in(world.sent(conn)) == token);
      world.receive(conn, wants_more());
      world.io_error(conn, Code::receive_failed);
    };
    lose_it("1.0");
    if (twice) {
      lose_it("2.0");
      opened_now(world);
      CHECK(world.failure(id) == Code::connection_closed);
      CHECK(world.results.at(id).error().message().contains(
          "Negotiate: the connection was lost between the challenge and its answer, twice"));
      continue;
    }
    const ConnId conn = opened_now(world);
    CHECK(token_in(world.sent(conn)) == "2.0");
    world.receive(conn, wants_more());
    CHECK(token_in(world.sent(conn)) == "2.1");
    world.receive(conn, lets_in());
    CHECK(world.succeeded(id));
  }
}

TEST_CASE("negotiate: no token is sent twice: a request that is sent again has a new one") {
  const Ada ada;
  EngineWorld world;
  const TransferId first = world.add(kHome, ada.options);
  const ConnId conn = opened_now(world);
  CHECK(token_in(world.sent(conn)) == "1.0");
  world.receive(conn, lets_in());
  REQUIRE(world.succeeded(first));
  const TransferId second = world.add(kHome, ada.options);
  CHECK(token_in(world.sent(conn)) == "2.0");
  world.io_error(conn, Code::receive_failed);
  const ConnId other = opened_now(world);
  CHECK(token_in(world.sent(other)) == "3.0");
  world.receive(other, lets_in());
  CHECK(world.succeeded(second));
}

TEST_CASE("SB-01 negotiate: a redirect to another origin gets a token only if that is trusted") {
  for (const bool trusted : {false, true}) {
    const Ada ada;
    EngineWorld world;
    TransferOptions options = ada.options;
    options.redirects = RedirectOptions{.trust_other_origins = trusted};
    world.add(kHome, options);
    const ConnId conn = opened_now(world);
    CHECK(token_in(world.sent(conn)) == "1.0");
    const auto sends_to = [](std::string_view url) {
      return "HTTP/1.1 307 S\r\nLocation: " + std::string(url) + "\r\n" + shows("done") + "Content-Length: 0\r\n\r\n";
    };
    world.receive(conn, sends_to("/here"));
    CHECK(token_in(world.sent(conn)) == "2.0");
    world.receive(conn, sends_to("http://192.0.2.2/"));
    const ConnId there = opened_now(world);
    CHECK(token_in(world.sent(there)) == (trusted ? "3.0" : ""));
    world.receive(there, asks());
    world.drain();
    CHECK(world.sent(there).empty());
    CHECK(ada.tickets->log.contains("begin 192.0.2.2") == trusted);
  }
}

TEST_CASE("negotiate: only a connection that the server calls persistent carries later requests without a token") {
  const Ada ada;
  EngineWorld world;
  const auto get = [&](const std::string& token, const std::string& response) {
    const TransferId id = world.add(kHome, ada.options);
    if (token == "1.0") opened_now(world);
    CHECK(token_in(world.sent(newest(world))) == token);
    world.receive(newest(world), response);
    return id;
  };
  CHECK(world.succeeded(get("1.0", lets_in())));
  CHECK(world.succeeded(get("2.0", lets_in("Persistent-Auth: false\r\n"))));
  CHECK(world.succeeded(get("3.0", lets_in(kPersistent))));
  CHECK(world.succeeded(get("", answer("in"))));
  // Until a 401: then a login begins again.
  const TransferId asked = get("", asks());
  CHECK(token_in(world.sent(newest(world))) == "4.0");
  world.receive(newest(world), lets_in());
  CHECK(world.succeeded(asked));
  CHECK(world.succeeded(get("5.0", answer("in", "persistent-auth: TRUE\r\n"))));
  CHECK(world.succeeded(get("", answer("in"))));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("SB-42 negotiate: a connection that is logged in carries nobody else's requests, and none without tickets") {
  const Ada ada, again, bob{.tickets = std::make_shared<Tickets>("bob")};
  TransferOptions plain, basic;
  basic.credentials = std::make_shared<const Credentials>(Credentials{.user = "ada"});
  for (const TransferOptions& other : {plain, basic, bob.with_schemes({.basic = false, .negotiate = true}),
                                       ada.with_schemes({.basic = false, .digest = true, .negotiate = true}),
                                       ada.with_schemes({.basic = false, .negotiate = true}, "ada")}) {
    EngineWorld world;
    const TransferId id = world.add(kHome, ada.options);
    const ConnId mine = opened_now(world);
    world.sent(mine);
    world.receive(mine, lets_in(kPersistent));
    REQUIRE(world.succeeded(id));
    world.add(kHome, other);
    REQUIRE(world.connects.size() == 2);
    CHECK(world.sent(mine).empty());
    world.add(kHome, again.options);  // another provider of the same tickets
    CHECK(world.connects.size() == 2);
    CHECK(token_in(world.sent(mine)).empty());
  }
}

TEST_CASE("negotiate: among other schemes it waits for a challenge, which it answers first; and none after it") {
  const Ada ada;
  const TransferOptions any =
      ada.with_schemes({.basic = true, .digest = true, .ntlm = true, .negotiate = true}, "D\\me");
  const std::string every = refuses(
      "WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate\r\n"
      "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), any);
  const ConnId conn = opened_now(world);
  CHECK(token_in(world.sent(conn)).empty());
  world.receive(conn, every);
  const std::string second = world.sent(conn);
  CHECK(token_in(second) == "1.0");
  CHECK(body_in(second) == "data");
  world.receive(conn, wants_more());
  CHECK(token_in(world.sent(conn)) == "1.1");
  world.receive(conn, every);
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 401);
  // Without a ticket the next strongest is taken.
  ada.tickets->there = false;
  const TransferId digest = world.add(kHome, any);
  CHECK(token_in(world.sent(conn)).empty());
  world.receive(conn, every);
  CHECK(token_in(world.sent(conn)).starts_with("Digest "));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(digest));
  // Without a user the others have nothing to send.
  const TransferId nobody =
      world.add("http://192.0.2.5/", ada.with_schemes({.digest = true, .ntlm = true, .negotiate = true}));
  const ConnId last = opened_now(world);
  world.sent(last);
  world.receive(last, every);
  CHECK(world.succeeded(nobody));
  CHECK(world.engine.head(nobody).status == 401);
}

TEST_CASE("negotiate: a streamed body is asked for again with the next token") {
  const Ada ada;
  EngineWorld world;
  const TransferId id = world.add(with_body("PUT", BodyStream{.rewindable = true}), ada.options);
  const ConnId conn = opened_now(world);
  CHECK(supply(world, id, "bytes") == 5);
  world.engine.finish_upload(id, world.now);
  world.drain();
  CHECK(world.sent(conn).contains("\r\nbytes\r\n"));
  world.receive(conn, wants_more());
  REQUIRE(world.rewinds.size() == 1);
  world.engine.rewind_upload(id, world.now);
  world.drain();
  CHECK(supply(world, id, "bytes") == 5);
  world.engine.finish_upload(id, world.now);
  world.drain();
  const std::string wire = world.sent(conn);
  CHECK(token_in(wire) == "1.1");
  CHECK(wire.contains("\r\nbytes\r\n"));
  world.receive(conn, lets_in());
  CHECK(world.succeeded(id));
}

TEST_CASE("SB-28 negotiate: a netrc file gives no host tickets, and takes none away") {
  const Ada ada;
  EngineWorld world;
  TransferOptions options = ada.with_schemes({.basic = true, .negotiate = true});
  auto credentials = *options.credentials;
  credentials.netrc =
      std::make_shared<const std::string>("machine 192.0.2.1 login a password b default login c password d");
  options.credentials = std::make_shared<const Credentials>(std::move(credentials));
  options.redirects = RedirectOptions{};
  world.add(kHome, options);
  const ConnId conn = opened_now(world);
  CHECK(token_in(world.sent(conn)).empty());  // Basic could serve as well
  world.receive(conn, asks());
  CHECK(token_in(world.sent(conn)) == "1.0");
  world.receive(conn, "HTTP/1.1 302 S\r\nLocation: http://192.0.2.2/\r\nContent-Length: 0\r\n\r\n");
  const ConnId there = opened_now(world);
  CHECK(token_in(world.sent(there)) == "Basic Yzpk");
  CHECK_FALSE(ada.tickets->log.contains("192.0.2.2"));
}

TEST_CASE("negotiate: not without a provider, not with an own field, not where several exchanges share a connection") {
  EngineWorld world;
  TransferOptions nobody;
  nobody.credentials = std::make_shared<const Credentials>(
      Credentials{.user = "a", .password = "b", .schemes = {.basic = true, .negotiate = true}});
  world.add(kHome, nobody);
  CHECK(token_in(world.sent(opened_now(world))) == "Basic YTpi");
  const Ada ada;
  Request own = EngineWorld::get("http://192.0.2.3/");
  REQUIRE(own.fields.add("Authorization", "Mine x"));
  world.add(std::move(own), ada.options);
  CHECK(token_in(world.sent(opened_now(world))) == "Mine x");
  const TransferId off = world.add("http://192.0.2.4/", ada.with_schemes({.digest = true}, "me"));
  const ConnId conn = opened_now(world);
  world.sent(conn);
  world.receive(conn, asks());
  CHECK(world.succeeded(off));
  MuxWorld many;
  many.add(kHome, ada.options);
  many.connected(newest(many));
  CHECK_FALSE(many.sent(newest(many)).contains("uthorization"));
  Alone alone;
  const TransferId single = alone.add(EngineWorld::get("http://app.test/"), ada.options);
  CHECK(token_in(alone.sent()).empty());
  alone.receive(asks());
  CHECK(alone.succeeded(single));
  CHECK(ada.tickets->log.empty());
}

TEST_CASE("negotiate: transfers that end in the middle leave nothing") {
  for (int step = 0; step < 4; ++step) {
    const Ada ada;
    EngineWorld world;
    const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), ada.options);
    const ConnId conn = opened_now(world);
    if (step > 0) world.sent(conn);
    if (step > 1) world.receive(conn, wants_more());
    if (step > 2) world.sent(conn);
    world.remove(id);
    check_nothing_left(world);
    CHECK(ada.tickets.use_count() == 2);  // here, and in `options`
  }
}
