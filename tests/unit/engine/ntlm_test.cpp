// NTLM through the whole engine: which request carries which message, on which connection, and who may use a connection
// that is logged in. The messages themselves are tested in tests/unit/rules/ntlm_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/base64.hpp"
#include "core/base/limits.hpp"
#include "core/hsts.hpp"
#include "tests/support/connection_world.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/mux_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

constexpr std::string_view kSite = "http://192.0.2.1/";
constexpr std::string_view kFirst = "NTLM TlRMTVNTUAABAAAABYKIAAAAAAAgAAAAAAAAACAAAAA=";

TransferOptions login_of(std::string user, std::string password, AuthSchemes schemes = {.basic = false, .ntlm = true}) {
  TransferOptions options;
  options.credentials = std::make_shared<const Credentials>(
      Credentials{.user = std::move(user), .password = std::move(password), .schemes = schemes});
  return options;
}
TransferOptions my_login() { return login_of("D\\me", "secret"); }
TransferOptions me_by_any() { return login_of("D\\me", "secret", {.digest = true, .ntlm = true}); }

// A type 2 message of Unicode, without target information.
std::string type2() {
  std::string message("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\x05\x82\x08\0", 24);
  return base64(message + "challeng");
}
std::string unauthorized(std::string_view challenges, std::string_view fields = "", std::string_view body = "no") {
  return "HTTP/1.1 401 No\r\n" + std::string(challenges) + "Content-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}
std::string ntlm_asked() { return unauthorized("WWW-Authenticate: NTLM\r\n"); }
std::string challenged(std::string_view fields = "", std::string_view body = "no") {
  return unauthorized("WWW-Authenticate: NTLM " + type2() + "\r\n", fields, body);
}

ConnId connected(EngineWorld& world) {
  world.connected(newest(world));
  return newest(world);
}
// The value of the Authorization field in a request; "": it has none.
std::string carried(std::string_view request) {
  const std::size_t at = request.find("\r\nAuthorization: ");
  return at == std::string::npos ? "" : std::string(request.substr(at + 17, request.find('\r', at + 2) - at - 17));
}
bool is_answer(std::string_view value) { return value.starts_with("NTLM TlRMTVNTUAAD"); }
std::string content_of(const std::string& wire) { return wire.substr(wire.find("\r\n\r\n") + 4); }

// A GET that logs in a new connection of these options.
ConnId logged_in(EngineWorld& world, const TransferOptions& options) {
  const TransferId id = world.add(kSite, options);
  const ConnId conn = connected(world);
  REQUIRE(carried(world.sent(conn)) == kFirst);
  world.receive(conn, challenged());
  REQUIRE(is_answer(carried(world.sent(conn))));
  world.receive(conn, answer("in"));
  REQUIRE(world.succeeded(id));
  return conn;
}

}  // namespace

TEST_CASE("ntlm: three messages on one connection, and only the last response is shown") {
  EngineWorld world;
  const TransferId id = world.add(kSite, my_login());
  const ConnId conn = connected(world);
  CHECK(carried(world.sent(conn)) == kFirst);
  world.receive(conn, challenged());
  CHECK(world.heads.empty());
  CHECK(is_answer(carried(world.sent(conn))));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "in");
  CHECK(world.connects.size() == 1);
  CHECK(world.engine.hops(id).size() == 2);
  CHECK(world.engine.hops(id).at(1).reason == HopReason::authentication);
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("ntlm: a connection that is logged in carries the next requests without a field, until a 401") {
  EngineWorld world;
  const ConnId conn = logged_in(world, my_login());
  const TransferId second = world.add(kSite, my_login());
  CHECK(carried(world.sent(conn)).empty());
  world.receive(conn, answer("two"));
  CHECK(world.succeeded(second));
  const TransferId third = world.add(kSite, my_login());
  CHECK(carried(world.sent(conn)).empty());
  world.receive(conn, ntlm_asked());
  CHECK(carried(world.sent(conn)) == kFirst);
  world.receive(conn, challenged());
  CHECK(is_answer(carried(world.sent(conn))));
  world.receive(conn, answer("three"));
  CHECK(world.succeeded(third));
  // If the new login fails, nobody is logged in.
  world.add(kSite, my_login());
  world.sent(conn);
  for (const std::string& refused : {ntlm_asked(), challenged(), ntlm_asked()}) {
    world.receive(conn, refused);
    world.sent(conn);
  }
  world.add(kSite, my_login());
  CHECK(carried(world.sent(conn)) == kFirst);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("SB-42 ntlm: a connection that is logged in carries nobody else's requests, and none without credentials") {
  TransferOptions plain, basic;
  basic.credentials = std::make_shared<const Credentials>(Credentials{.user = "D\\me", .password = "secret"});
  for (const TransferOptions& other : {plain, basic, login_of("D\\you", "secret"), login_of("D\\me", "other"),
                                       me_by_any(), login_of("D\\mesecret", "")}) {
    EngineWorld world;
    const ConnId mine = logged_in(world, my_login());
    world.add(kSite, other);
    REQUIRE(world.connects.size() == 2);
    CHECK(world.sent(mine).empty());
    CHECK_FALSE(is_answer(carried(world.sent(connected(world)))));
    world.add(kSite, my_login());  // mine is used again
    CHECK(world.connects.size() == 2);
    CHECK_FALSE(world.sent(mine).empty());
  }
  // Neither does a connection that was made without credentials become anybody's.
  EngineWorld world;
  one_get(world);
  world.add(kSite, my_login());
  CHECK(world.connects.size() == 2);
}

TEST_CASE(
    "SB-42 ntlm: a redirect to where another transfer has logged in brings no credentials there, nor its connection") {
  EngineWorld world;
  const ConnId mine = logged_in(world, my_login());
  TransferOptions options = my_login();
  options.redirects = RedirectOptions{};
  world.add("http://192.0.2.2/", options);
  const ConnId other = connected(world);
  CHECK(carried(world.sent(other)) == kFirst);
  world.receive(other, "HTTP/1.1 302 S\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(world.connects.size() == 3);
  CHECK(world.sent(mine).empty());
  CHECK(carried(world.sent(connected(world))).empty());
  // Trusted, they are.
  EngineWorld trusting;
  const ConnId here = logged_in(trusting, my_login());
  options.redirects->trust_other_origins = true;
  trusting.add("http://192.0.2.2/", options);
  trusting.connected(newest(trusting));
  trusting.sent(newest(trusting));
  trusting.receive(newest(trusting), "HTTP/1.1 302 S\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n");
  CHECK(trusting.connects.size() == 2);
  CHECK(trusting.sent(here).starts_with("GET / "));
}

TEST_CASE("ntlm: the connection of a challenge is given to no other transfer before the answer") {
  EngineOptions engine_options;
  engine_options.max_connections_per_origin = 1;
  EngineWorld world(engine_options);
  const TransferId first = world.add(kSite, my_login());
  const ConnId conn = connected(world);
  const TransferId second = world.add("http://192.0.2.1/two", my_login());
  CHECK(world.sent(conn).starts_with("GET / "));
  world.receive(conn, challenged());
  const std::string next = world.sent(conn);
  CHECK(next.starts_with("GET / "));
  CHECK(is_answer(carried(next)));
  world.receive(conn, answer("one"));
  CHECK(world.succeeded(first));
  const std::string last = world.sent(conn);
  CHECK(last.starts_with("GET /two "));
  CHECK(carried(last).empty());
  world.receive(conn, answer("two"));
  CHECK(world.succeeded(second));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("ntlm: an answer that is refused is the last, and so is a challenge that cannot be read") {
  EngineWorld world;
  const TransferId refused = world.add(kSite, my_login());
  const ConnId conn = connected(world);
  world.sent(conn);
  world.receive(conn, challenged());
  world.sent(conn);
  world.receive(conn, ntlm_asked());
  CHECK(world.succeeded(refused));
  CHECK(world.engine.head(refused).status == 401);
  for (const std::string& bad : {ntlm_asked(), unauthorized("WWW-Authenticate: NTLM !!!!\r\n"),
                                 unauthorized("WWW-Authenticate: NTLM TlRMTVNTUAAC\r\n"), unauthorized(""),
                                 unauthorized("WWW-Authenticate: Basic realm=\"r\"\r\n")}) {
    CAPTURE(bad);
    const TransferId id = world.add(kSite, my_login());
    CHECK(carried(world.sent(conn)) == kFirst);  // what was refused is not logged in
    world.receive(conn, bad);
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 401);
  }
  CHECK(world.connects.size() == 1);
}

TEST_CASE("ntlm: if the connection ends with the challenge, the 401 is the response") {
  for (const std::string& ending : {challenged("Connection: close\r\n"), "HTTP/1.0" + challenged().substr(8)}) {
    EngineWorld world;
    const TransferId id = world.add(kSite, my_login());
    const ConnId conn = connected(world);
    world.sent(conn);
    world.receive(conn, ending);
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 401);
    CHECK(world.connects.size() == 1);
  }
}

TEST_CASE("ntlm: if the connection is lost after the challenge, the login begins again, once") {
  EngineWorld world;
  const TransferId id = world.add(kSite, my_login());
  const auto lose_it = [&] {
    const ConnId conn = connected(world);
    CHECK(carried(world.sent(conn)) == kFirst);
    world.receive(conn, challenged());
    world.io_error(conn, Code::receive_failed);  // the answer was not sent
  };
  lose_it();
  CHECK(world.connects.size() == 2);
  lose_it();
  REQUIRE(world.connects.size() == 3);
  connected(world);
  CHECK(world.failure(id) == Code::connection_closed);
  CHECK(world.results.at(id).error().message().contains("lost between the challenge and its answer, twice"));

  EngineWorld other;
  const TransferId good = other.add(kSite, my_login());
  other.connected(newest(other));
  other.sent(newest(other));
  other.receive(newest(other), challenged());
  other.io_error(newest(other), Code::receive_failed);
  other.connected(newest(other));
  CHECK(carried(other.sent(newest(other))) == kFirst);
  other.receive(newest(other), challenged());
  CHECK(is_answer(carried(other.sent(newest(other)))));
  other.receive(newest(other), answer("in"));
  CHECK(other.succeeded(good));
}

TEST_CASE("ntlm: a challenge with a long page loses its connection, which counts as lost") {
  EngineWorld world;
  const TransferId id = world.add(kSite, my_login());
  for (int i = 0; i < 2; ++i) {
    const ConnId conn = connected(world);
    CHECK(carried(world.sent(conn)) == kFirst);
    world.receive(conn, challenged("", std::string(limits::kMaxSkippedBytes + limits::kLandingBytes, 'x')));
    CHECK(closes_of(world, conn) == 1);
  }
  connected(world);
  CHECK(world.failure(id) == Code::connection_closed);
}

TEST_CASE("ntlm: bytes after the challenge are never taken for the response to the answer") {
  EngineWorld world;
  const TransferId id = world.add(kSite, my_login());
  const ConnId conn = connected(world);
  world.sent(conn);
  world.receive(conn, challenged() + answer("injected"));
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 401);  // the challenge cannot be answered any more
  CHECK(world.bodies[id] == "no");
}

TEST_CASE("ntlm: a body goes with the answer, not with the first message") {
  for (const bool view : {true, false}) {
    EngineWorld world;
    const std::string bytes(100'000, 'b');
    RequestBody body = BodyOwned{bytes};
    if (view) body = BodyView{as_bytes(bytes)};
    Request request = with_body("POST", std::move(body));
    REQUIRE(request.fields.add("Content-Type", "text/plain"));
    REQUIRE(request.fields.add("Content-Length", "100000"));
    TransferOptions options = my_login();
    options.expect_continue_from = 1'000;
    const TransferId id = world.add(std::move(request), options);
    const ConnId conn = connected(world);
    const std::string first = world.sent(conn);
    CHECK(carried(first) == kFirst);
    CHECK(first.contains("\r\nContent-Length: 0\r\n"));
    CHECK_FALSE(first.contains("Content-Length: 100000"));
    CHECK_FALSE(first.contains("Expect"));
    CHECK(content_of(first).empty());
    world.receive(conn, challenged());
    std::string second = world.sent(conn);
    CHECK(second.contains("Expect: 100-continue"));
    world.receive(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    second += world.sent(conn);
    CHECK(is_answer(carried(second)));
    CHECK(second.contains("\r\nContent-Length: 100000\r\n"));
    CHECK(content_of(second) == bytes);
    world.receive(conn, answer("thanks"));
    CHECK(world.succeeded(id));
    // Logged in, the next one goes at once.
    world.add(with_body("POST", BodyOwned{"again"}), options);
    CHECK(content_of(world.sent(conn)) == "again");
  }
}

TEST_CASE("ntlm: a streamed body is asked for when the answer goes, so it need not be given again") {
  EngineWorld world;
  const TransferId id = world.add(with_body("PUT", BodyStream{}), my_login());
  const ConnId conn = connected(world);
  CHECK(content_of(world.sent(conn)).empty());
  CHECK(world.uploads_ready.empty());
  CHECK(supply(world, id, "early ") == 6);  // nobody asked, but it is kept
  world.receive(conn, challenged());
  CHECK(world.rewinds.empty());
  CHECK_FALSE(world.uploads_ready.empty());
  CHECK(supply(world, id, "bytes") == 5);
  world.engine.finish_upload(id, world.now);
  world.drain();
  const std::string wire = world.sent(conn);
  CHECK(is_answer(carried(wire)));
  CHECK(wire.contains("\r\nTransfer-Encoding: chunked\r\n"));
  CHECK(wire.contains("\r\nearly \r\n"));
  CHECK(wire.contains("\r\nbytes\r\n"));
  world.receive(conn, answer("thanks"));
  CHECK(world.succeeded(id));
}

TEST_CASE(
    "ntlm: where no login is needed, a body that was kept back is sent after all, and a redirect takes it along") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), my_login());
  const ConnId conn = connected(world);
  CHECK(content_of(world.sent(conn)).empty());
  world.receive(conn, answer("free"));
  const std::string second = world.sent(conn);
  CHECK(carried(second).empty());
  CHECK(content_of(second) == "data");
  world.receive(conn, answer("done"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "done");

  const TransferId get = world.add(kSite, my_login());
  CHECK(carried(world.sent(conn)) == kFirst);
  world.receive(conn, answer("free"));  // a GET has nothing to send after it
  CHECK(world.succeeded(get));

  TransferOptions options = my_login();
  options.redirects = RedirectOptions{};
  world.add(with_body("POST", BodyOwned{"data"}), options);
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 307 S\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
  const std::string there = world.sent(conn);
  CHECK(there.starts_with("POST /there "));
  CHECK(carried(there) == kFirst);
  CHECK(content_of(there).empty());
  world.receive(conn, challenged());
  CHECK(content_of(world.sent(conn)) == "data");
}

TEST_CASE("ntlm: among other schemes it waits for a challenge, after Digest and before Basic") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), me_by_any());
  const ConnId conn = connected(world);
  const std::string first = world.sent(conn);
  CHECK(carried(first).empty());
  CHECK(content_of(first) == "data");
  world.receive(conn, unauthorized("WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: NTLM\r\n"));
  const std::string second = world.sent(conn);
  CHECK(carried(second) == kFirst);
  CHECK(content_of(second).empty());
  world.receive(conn, challenged());
  const std::string third = world.sent(conn);
  CHECK(is_answer(carried(third)));
  CHECK(content_of(third) == "data");
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  world.add(kSite, me_by_any());  // on the connection that is logged in
  CHECK(carried(world.sent(conn)).empty());
  world.receive(conn, unauthorized("WWW-Authenticate: NTLM\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"));
  CHECK(carried(world.sent(conn)).starts_with("Digest "));
  world.receive(conn, answer("in"));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("ntlm: not without a user, not with an own field, and not where an application has forbidden it") {
  EngineWorld world;
  world.add(kSite, login_of("", ""));
  CHECK(carried(world.sent(connected(world))).empty());
  Request own = EngineWorld::get("http://192.0.2.3/");
  REQUIRE(own.fields.add("Authorization", "Mine x"));
  world.add(std::move(own), my_login());
  CHECK(carried(world.sent(connected(world))) == "Mine x");
  const TransferId basic = world.add("http://192.0.2.4/", login_of("a", "b", {.digest = true}));
  const ConnId conn = connected(world);
  world.sent(conn);
  world.receive(conn, ntlm_asked());
  CHECK(world.succeeded(basic));
  const TransferId bad = world.add("http://192.0.2.5/", login_of("\xff", "b"));
  const ConnId last = connected(world);
  world.sent(last);
  world.receive(last, challenged());
  CHECK(world.failure(bad) == Code::invalid_request);
}

TEST_CASE("ntlm: forbid_reuse and fresh_connection let one connection carry the login, and nothing after it") {
  for (const bool fresh : {true, false}) {
    EngineWorld world;
    TransferOptions options = my_login();
    (fresh ? options.fresh_connection : options.forbid_reuse) = true;
    const ConnId conn = logged_in(world, options);
    CHECK(world.connects.size() == 1);
    CHECK(closes_of(world, conn) == (fresh ? 0 : 1));
    world.add(kSite, options);
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("ntlm: forbid_reuse closes the connection of a first message that another hop follows, but no answer") {
  for (const std::string& response :
       {answer("free"), "HTTP/1.1 307 S\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"s}) {
    EngineWorld world;
    TransferOptions options = my_login();
    options.forbid_reuse = true;
    options.redirects = RedirectOptions{};
    world.add(with_body("POST", BodyOwned{"data"}), options);
    const ConnId conn = connected(world);
    world.sent(conn);
    world.receive(conn, response);
    CHECK(closes_of(world, conn) == 1);
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("ntlm: a change of the network in the middle of a login lets its connection end the login, and no more") {
  EngineWorld world;
  const TransferId id = world.add(kSite, my_login());
  const ConnId conn = connected(world);
  world.sent(conn);
  world.engine.network_changed(world.now);
  world.drain();
  world.receive(conn, challenged());
  CHECK(is_answer(carried(world.sent(conn))));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 200);
  CHECK(closes_of(world, conn) == 1);
}

TEST_CASE("ntlm: if a host wants https from the challenge on, the answer does not go in the clear") {
  EngineOptions engine_options;
  engine_options.hsts = std::make_shared<HstsStore>();
  auto config = TlsConfig::create({.verify_peer = false});
  REQUIRE(config);
  engine_options.default_tls = *config;
  EngineWorld world(engine_options);
  world.add("http://a.test/", my_login());
  world.resolved("192.0.2.9");
  const ConnId conn = connected(world);
  CHECK(carried(world.sent(conn)) == kFirst);
  engine_options.hsts->load("a.test \"20990101 00:00:00\"\n", world.now.wall);
  world.receive(conn, challenged());
  CHECK(world.sent(conn).empty());
  CHECK(world.connects.size() == 2);
}

TEST_CASE("ntlm: a connection with many exchanges at once is nobody's, so there is no login") {
  MuxWorld world;
  world.add(kSite, my_login());
  world.connected(newest(world));
  CHECK_FALSE(world.sent(newest(world)).contains("uthorization"));
}

TEST_CASE("ntlm: a Connection has no second hop, so it sends the whole request and nothing of a login") {
  Alone alone;
  const TransferId id = alone.add(with_body("POST", BodyOwned{"data"}, "http://app.test/"), my_login());
  const std::string wire = alone.sent();
  CHECK(carried(wire).empty());
  CHECK(content_of(wire) == "data");
  alone.receive(challenged());
  CHECK(alone.succeeded(id));
}

TEST_CASE("ntlm: transfers that end in the middle leave nothing") {
  for (int step = 0; step < 4; ++step) {
    EngineWorld world;
    const TransferId id = world.add(with_body("POST", BodyOwned{"data"}), my_login());
    const ConnId conn = connected(world);
    if (step > 0) world.sent(conn);
    if (step > 1) world.receive(conn, challenged());
    if (step > 2) world.sent(conn);
    world.remove(id);
    check_nothing_left(world);
  }
}
