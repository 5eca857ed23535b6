// TransferOptions::credentials and netrc through the whole engine: which request carries what, and which challenge is
// answered. The schemes themselves are tested in tests/unit/rules.
#include <doctest/doctest.h>

#include <string>

#include "core/hsts.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kBasic = "Authorization: Basic bWU6c2VjcmV0\r\n";  // me:secret
constexpr std::string_view kOrigin = "http://192.0.2.1/";

TransferOptions with(AuthSchemes schemes, Credentials credentials = {.user = "me", .password = "secret"}) {
  TransferOptions options;
  credentials.schemes = schemes;
  options.credentials = std::make_shared<const Credentials>(std::move(credentials));
  return options;
}
TransferOptions any_scheme() { return with({.basic = true, .digest = true}); }
TransferOptions digest_alone() { return with({.basic = false, .digest = true}); }
TransferOptions following(TransferOptions options, bool trusting = false) {
  options.redirects = RedirectOptions{.trust_other_origins = trusting};
  return options;
}

std::string challenge(std::string_view text, std::string_view fields = "") {
  return "HTTP/1.1 401 No\r\nWWW-Authenticate: " + std::string(text) + "\r\nContent-Length: 2\r\n" +
         std::string(fields) + "\r\nno";
}
std::string redirect_to(std::string_view url) {
  return "HTTP/1.1 302 S\r\nLocation: " + std::string(url) + "\r\nContent-Length: 0\r\n\r\n";
}
constexpr std::string_view kDigest = "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";

// The connection, and what was sent on it. A new one is connected first.
ConnId opened(EngineWorld& world) {
  world.connected(newest(world));
  return newest(world);
}
std::string authorization(std::string_view request) {
  const std::size_t at = request.find("\r\nAuthorization: ");
  return at == std::string::npos ? "" : std::string(request.substr(at + 17, request.find('\r', at + 2) - at - 17));
}

}  // namespace

TEST_CASE("credentials: a single scheme that needs no challenge goes with the first request") {
  EngineWorld world;
  const TransferId id = world.add(kOrigin, with({}));
  const ConnId conn = opened(world);
  CHECK(world.sent(conn).contains(kBasic));
  world.receive(conn, challenge("Basic realm=\"r\""));
  CHECK(world.succeeded(id));  // there is nothing else to try
  CHECK(world.engine.head(id).status == 401);
  world.add(kOrigin, with({.basic = false, .bearer = true}, {.bearer = "t0"}));
  CHECK(authorization(world.sent(conn)) == "Bearer t0");
}

TEST_CASE("credentials: the strongest challenge is answered on the same connection, and the 401 is not shown") {
  EngineWorld world;
  const TransferId id = world.add(kOrigin, any_scheme());
  const ConnId conn = opened(world);
  CHECK(authorization(world.sent(conn)).empty());
  world.receive(conn, challenge("Basic realm=\"r\", " + std::string(kDigest)));
  const std::string answer_sent = authorization(world.sent(conn));
  CHECK(answer_sent.starts_with("Digest username=\"me\", realm=\"r\", nonce=\"n1\", uri=\"/\""));
  CHECK(world.heads.empty());
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "in");
  CHECK(world.connects.size() == 1);
  REQUIRE(world.hops_done.size() == 1);
  CHECK(world.hops_done[0].next == HopReason::authentication);
  CHECK(world.engine.hops(id).at(1).reason == HopReason::authentication);
}

TEST_CASE("credentials: wrong ones end with the 401, a stale nonce is tried again") {
  EngineWorld world;
  const TransferId wrong = world.add(kOrigin, any_scheme());
  const ConnId conn = go(world);
  world.receive(conn, challenge(kDigest));
  world.sent(conn);
  world.receive(conn, challenge(kDigest));
  CHECK(world.succeeded(wrong));
  CHECK(world.engine.head(wrong).status == 401);
  CHECK(world.bodies[wrong] == "no");

  const TransferId stale = world.add(kOrigin, any_scheme());
  CHECK(authorization(world.sent(conn)).empty());  // what was refused is forgotten
  world.receive(conn, challenge(kDigest));
  world.sent(conn);
  world.receive(conn, challenge("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true"));
  CHECK(authorization(world.sent(conn)).contains("nonce=\"n2\""));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(stale));
  CHECK(world.engine.hops(stale).size() == 3);
}

TEST_CASE("credentials: the next requests carry Digest at once, each with the next count, and a next nonce is taken") {
  EngineWorld world;
  world.add(kOrigin, digest_alone());
  const ConnId conn = go(world);
  world.receive(conn, challenge(kDigest));
  CHECK(authorization(world.sent(conn)).contains("nc=00000001"));
  world.receive(conn, answer("in"));
  const TransferId second = world.add("http://192.0.2.1/two", digest_alone());
  const std::string sent = authorization(world.sent(conn));
  CHECK(sent.contains("nc=00000002"));
  CHECK(sent.contains("uri=\"/two\""));
  world.receive(conn, answer("in", "Authentication-Info: nextnonce=\"n9\"\r\n"));
  CHECK(world.succeeded(second));
  world.add("http://192.0.2.1/three", digest_alone());
  CHECK(authorization(world.sent(conn)).contains("nonce=\"n9\""));
}

TEST_CASE("credentials: another user, and another origin, get nothing of a nonce that was answered") {
  EngineWorld world;
  world.add(kOrigin, digest_alone());
  const ConnId conn = go(world);
  world.receive(conn, challenge(kDigest));
  world.sent(conn);
  world.receive(conn, answer("in"));
  world.add(kOrigin, with({.basic = false, .digest = true}, {.user = "you", .password = "x"}));
  CHECK(authorization(world.sent(conn)).empty());
  world.add("http://192.0.2.1:81/", digest_alone());
  CHECK(authorization(world.sent(opened(world))).empty());
}

TEST_CASE("SB-33 SB-01 credentials: they stay with the origin of the URL, and do not answer another's challenge") {
  EngineWorld world;
  const TransferId id = world.add(kOrigin, following(any_scheme()));
  const ConnId first = go(world);
  world.receive(first, challenge(kDigest));
  world.sent(first);
  world.receive(first, redirect_to("/here"));
  CHECK(authorization(world.sent(first)).contains("nc=00000002"));
  world.receive(first, redirect_to("http://192.0.2.2/"));
  const ConnId second = opened(world);
  CHECK(authorization(world.sent(second)).empty());
  SUBCASE("a challenge there") {
    world.receive(second, challenge(kDigest));
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 401);
  }
  SUBCASE("SB-02: nor do they come back") {
    world.receive(second, redirect_to("http://192.0.2.1/back"));
    CHECK(authorization(world.sent(first)).empty());
    world.receive(first, challenge(kDigest));
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).status == 401);
  }
}

TEST_CASE("credentials: with trust_other_origins they answer other origins too, never with the first one's nonce") {
  EngineWorld world;
  const TransferId id = world.add(kOrigin, following(any_scheme(), true));
  const ConnId first = go(world);
  world.receive(first, challenge(kDigest));
  world.sent(first);
  world.receive(first, redirect_to("http://192.0.2.2/"));
  const ConnId second = opened(world);
  CHECK(authorization(world.sent(second)).empty());
  world.receive(second, challenge("Basic realm=\"other\""));
  CHECK(world.sent(second).contains(kBasic));
  world.receive(second, answer("in"));
  CHECK(world.succeeded(id));
}

TEST_CASE("credentials: the URL's count where the options have none, a field of the request's own before all") {
  EngineWorld world;
  world.add("http://me:secret@192.0.2.1/", with({}, {}));
  const ConnId conn = opened(world);
  CHECK(world.sent(conn).contains(kBasic));
  world.receive(conn, answer("x"));
  const TransferId asked = world.add("http://me:secret@192.0.2.1/", with({.basic = true, .digest = true}, {}));
  CHECK(authorization(world.sent(conn)).empty());
  world.receive(conn, challenge("Basic realm=\"r\""));
  CHECK(world.sent(conn).contains(kBasic));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(asked));
  Request request = world.get(kOrigin);
  REQUIRE(request.fields.add("Authorization", "Own thing"));
  const TransferId own = world.add(std::move(request), any_scheme());
  CHECK(authorization(world.sent(conn)) == "Own thing");
  world.receive(conn, challenge("Basic realm=\"r\""));
  CHECK(world.succeeded(own));
  CHECK(world.engine.head(own).status == 401);
}

TEST_CASE("credentials: a body is given again with the answer; one that cannot be is an error") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned("body")), any_scheme());
  const ConnId conn = go(world);
  world.receive(conn, challenge(kDigest));
  const std::string sent = world.sent(conn);
  CHECK(authorization(sent).starts_with("Digest"));
  CHECK(sent.ends_with("\r\n\r\nbody"));
  world.receive(conn, answer("in"));
  CHECK(world.succeeded(id));
  const TransferId once = world.add(with_body("PUT", BodyStream{.length = 2}), any_scheme());
  supply(world, once, "ab");
  const ConnId used = newest(world);
  world.sent(used);
  world.receive(used, challenge("Digest realm=\"r\", nonce=\"n7\", qop=\"auth\", stale=true"));
  CHECK(world.failure(once) == Code::rewind_failed);
}

TEST_CASE("credentials: text that cannot be sent is refused before anything is sent, and never shown") {
  EngineWorld world;
  const auto refused = [&](Credentials credentials) {
    auto id = world.engine.add(world.get(kOrigin), with({}, std::move(credentials)), world.now);
    REQUIRE_FALSE(id.has_value());
    CHECK(id.error().code == Code::invalid_request);
    CHECK_FALSE(id.error().message().contains("hush"));
  };
  refused({.user = "a:b", .password = "hush"});
  refused({.user = "a", .password = "hush\r\nX: y"});
  CHECK(world.connects.empty());
}

TEST_CASE("SB-28 SB-29 netrc: each host has its own entry, and only the one that was asked for") {
  EngineWorld world;
  const auto with_netrc = [](const char* text) {
    Credentials credentials;
    credentials.netrc = std::make_shared<const std::string>(text);
    return following(with({}, std::move(credentials)));
  };
  TransferOptions options = with_netrc(
      "machine 192.0.2.1 login me password secret\nmachine 192.0.2.2 login you password word\nmachine 192.0.2.3 login x\n");
  world.add(kOrigin, options);
  const ConnId first = opened(world);
  CHECK(world.sent(first).contains(kBasic));
  world.receive(first, redirect_to("http://192.0.2.2/"));
  const ConnId second = opened(world);
  CHECK(authorization(world.sent(second)) == "Basic eW91OndvcmQ=");
  world.receive(second, redirect_to("http://192.0.2.3/"));
  const ConnId third = opened(world);
  CHECK(authorization(world.sent(third)) == "Basic eDo=");
  world.receive(third, redirect_to("http://192.0.2.4/"));
  CHECK(authorization(world.sent(opened(world))).empty());
  // A user of the URL: only with the password of that user.
  world.add("http://me@192.0.2.1/", options);
  CHECK(world.sent(first).contains(kBasic));
  world.receive(first, answer("x"));
  world.add("http://other@192.0.2.1/", options);
  CHECK(authorization(world.sent(first)) == "Basic b3RoZXI6");
  options = with_netrc("machine x login \"open");
  CHECK(world.engine.add(world.get(kOrigin), options, world.now).error().code == Code::invalid_option);
}

TEST_CASE("SB-75 hsts: a host that has asked for https gets it, with the credentials of the request") {
  EngineOptions shared;
  shared.hsts = std::make_shared<HstsStore>();
  shared.hsts->load("example.org \"20990101 00:00:00\"\n", 1'800'000'000);
  EngineWorld world(shared);
  const TransferOptions options = with({});
  // Without a TLS configuration the request cannot be sent, and so is known to be for https.
  auto refused = world.engine.add(world.get("http://example.org:80/x"), options, world.now);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message().starts_with("https://example.org/x: "));
  CHECK(world.engine.add(world.get("http://EXAMPLE.org./x"), options, world.now).error().code == Code::tls_config);
  world.add("http://other.example/", options);
  // What comes over http is not believed.
  world.resolved("192.0.2.1");
  const ConnId conn = go(world);
  world.receive(conn, answer("x", "Strict-Transport-Security: max-age=1000\r\n"));
  CHECK(shared.hsts->size() == 1);
}

TEST_CASE("credentials: a signature of AWS is each hop's own, and stays with its origin") {
  EngineWorld world;
  Credentials keys{.user = "AKID", .password = "secret", .aws_sigv4 = "aws:amz:eu-1:s3"};
  const TransferId id = world.add(kOrigin, following(with({}, keys)));
  const ConnId first = opened(world);
  const std::string sent = world.sent(first);
  CHECK(authorization(sent).starts_with("AWS4-HMAC-SHA256 Credential=AKID/20270115/eu-1/s3/aws4_request, "));
  CHECK(sent.contains("\r\nX-Amz-Date: 20270115T080000Z\r\n"));
  world.receive(first, redirect_to("/here"));
  const std::string second = world.sent(first);
  CHECK(authorization(second).starts_with("AWS4-HMAC-SHA256 "));
  CHECK(authorization(second) != authorization(sent));
  CHECK(second.find("X-Amz-Date") == second.rfind("X-Amz-Date"));
  world.receive(first, redirect_to("http://192.0.2.2/"));
  const ConnId other = opened(world);
  const std::string third = world.sent(other);
  CHECK(authorization(third).empty());
  CHECK_FALSE(third.contains("X-Amz"));
  world.receive(other, challenge("Basic realm=\"r\""));
  CHECK(world.succeeded(id));
  keys.aws_sigv4 = "not a token";
  CHECK(world.engine.add(world.get(kOrigin), with({}, keys), world.now).error().code == Code::invalid_option);
}
