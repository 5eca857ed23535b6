// core/rules/digest: the examples of the RFCs, and values that Python's hashlib has given.
#include "core/rules/digest.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

using namespace sluice;
using hash::Algorithm;
using rules::digest_authorization;
using rules::DigestChallenge;
using rules::DigestUse;
using rules::parse_digest_challenge;

namespace {

rules::Challenge challenge_in(const std::string& value) {
  Fields fields;
  REQUIRE(fields.add("WWW-Authenticate", value));
  auto found = rules::challenges_of(fields, "WWW-Authenticate");
  REQUIRE(found.size() == 1);
  return found[0];
}

DigestChallenge digest_in(const std::string& parameters) {
  const auto found = parse_digest_challenge(challenge_in("Digest " + parameters));
  REQUIRE(found);
  return *found;
}

// Why the challenge cannot be answered.
std::string reason(const std::string& parameters) {
  const auto found = parse_digest_challenge(challenge_in("Digest " + parameters));
  return found ? "" : std::string(found.error());
}

std::string value_of(const std::string& parameters, const DigestUse& use) {
  const auto value = digest_authorization(digest_in(parameters), use);
  REQUIRE(value);
  return *value;
}

Error error_of(const DigestChallenge& challenge, const DigestUse& use) {
  const auto value = digest_authorization(challenge, use);
  REQUIRE_FALSE(value);
  return value.error();
}

constexpr DigestUse kAnn = {.method = "PUT",
                            .target = "/x?y=1",
                            .user = "ann",
                            .password = "pw",
                            .cnonce = "c0nce",
                            .nonce_count = 0x1a2b,
                            .body = std::string_view("hello\0body", 10)};

}  // namespace

TEST_CASE("digest: RFC 7616 3.9.1, MD5 and SHA-256") {
  const std::string rest =
      "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm=";
  const DigestUse use = {.method = "GET",
                         .target = "/dir/index.html",
                         .user = "Mufasa",
                         .password = "Circle of Life",
                         .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"};
  const auto expected = [](const std::string& response, const std::string& algorithm) {
    return "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
           "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", "
           "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", nc=00000001, qop=auth, response=\"" +
           response + "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm=" + algorithm;
  };
  CHECK(value_of(rest + "MD5", use) == expected("8ca523f5e9506fed4657c9700eebdbec", "MD5"));
  CHECK(value_of(rest + "SHA-256", use) ==
        expected("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", "SHA-256"));
}

// The userhash printed in the RFC, 488869477b..., is the first half of SHA-512, not SHA-512/256. The values here are
// those of SHA-512/256, as hashlib gives them.
TEST_CASE("digest: RFC 7616 3.9.2, SHA-512-256 with userhash") {
  const DigestUse use = {.method = "GET",
                         .target = "/doe.json",
                         .user = "J\xc3\xa4s\xc3\xb8n Doe",
                         .password = "Secret, or not?",
                         .cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm"};
  CHECK(value_of("realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, "
                 "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
                 "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
                 use) ==
        "Digest username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", "
        "realm=\"api@example.org\", nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", uri=\"/doe.json\", "
        "cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm\", nc=00000001, qop=auth, "
        "response=\"7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c\", "
        "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGChXYjwrI2QmXDnsOS\", algorithm=SHA-512-256, userhash=true");
}

TEST_CASE("digest: RFC 2617 3.5, and without qop the form of RFC 2069") {
  const std::string rest = "realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
  DigestUse use = {.method = "GET",
                   .target = "/dir/index.html",
                   .user = "Mufasa",
                   .password = "Circle Of Life",
                   .cnonce = "0a4f113b"};
  const std::string begin =
      "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
      "uri=\"/dir/index.html\", ";
  CHECK(value_of(rest + ", qop=\"auth,auth-int\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"", use) ==
        begin +
            "cnonce=\"0a4f113b\", nc=00000001, qop=auth, response=\"6629fae49393a05397450978507c4ef1\", "
            "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
  use.password = "CircleOfLife";
  CHECK(value_of(rest, use) == begin + "response=\"1949323746fe6a43ef61f9606e7febea\"");
}

TEST_CASE("digest: what curl 7.88 has sent to such a challenge, with escapes in user and realm") {
  CHECK(value_of("realm=\"r\\\"1\", nonce=\"n\", qop=\"auth,auth-int\", opaque=\"o\", algorithm=SHA-256, userhash=true",
                 {.method = "GET",
                  .target = "/x?y",
                  .user = "a\"b\\c",
                  .password = "p",
                  .cnonce = "NGI4N2I2ZjYwZDMwNWRiYzVmYjdkYzc4ZTA3NWMwNjM="}) ==
        "Digest username=\"73476b8c5679f5a47e20a9bb1443603fe26a296dcc640a47e70e215fc331c969\", realm=\"r\\\"1\", "
        "nonce=\"n\", uri=\"/x?y\", cnonce=\"NGI4N2I2ZjYwZDMwNWRiYzVmYjdkYzc4ZTA3NWMwNjM=\", nc=00000001, qop=auth, "
        "response=\"585d6e4e6f261ff9c7fa4baf627a752b1df5a9de1aef333266085aaf23c65325\", opaque=\"o\", "
        "algorithm=SHA-256, userhash=true");
  CHECK(value_of("realm=\"r\", nonce=\"n\"", {.method = "GET", .target = "/x?y", .user = "a\"b\\c", .password = "p"}) ==
        "Digest username=\"a\\\"b\\\\c\", realm=\"r\", nonce=\"n\", uri=\"/x?y\", "
        "response=\"b5dce99e5d0f669b79da74b64862d53c\"");
}

TEST_CASE("digest: every text is quoted and the unquoted text is hashed") {
  CHECK(value_of(R"(realm="r\"1\\2", nonce="n\"1", opaque="\\\"", qop=auth)",
                 {.method = "GET", .target = "/q\"\\", .user = "a\"b\\c", .password = "p\"w", .cnonce = "c"}) ==
        R"(Digest username="a\"b\\c", realm="r\"1\\2", nonce="n\"1", uri="/q\"\\", cnonce="c", nc=00000001, qop=auth, )"
        R"(response="cbbfcaa02115dbb23cc420a3c0e6a3b0", opaque="\\\"")");
}

TEST_CASE("digest: auth-int and -sess of each algorithm, from hashlib") {
  const struct {
    const char* parameters;
    const char* response;
  } rows[] = {
      {"qop=auth-int", "1921384ea6aa3a81961645bfa4205d53"},
      {"algorithm=MD5-sess, qop=auth", "1e02b4211d02edf836d8590a80122fb8"},
      {"algorithm=MD5-sess, qop=auth-int", "c7fbe9ffb340ecd9932fcdf1b5fbf42b"},
      {"algorithm=MD5", "697bad5d8e5e8ab6c2fed8bc12c3ec1e"},
      {"algorithm=SHA-256, qop=auth-int", "8be23bbce5ddb2b587ff50e84dbef16a32251dd960b9f044b4534923b2077390"},
      {"algorithm=sha-256-SESS, qop=auth", "d40b25c9e8a2a2170335b01d48c14b185cd35aaec692c9c968120859eff23ba3"},
      {"algorithm=SHA-256-sess, qop=auth-int", "28f7ae83136b5581103fa2305b96d29c8cfdc2d7a9f9e63484a8170ce3caf9c1"},
      {"algorithm=SHA-256", "d3e54a94c48b92aa826078c2dfdf423965282894a4eff0a1e71e53b223a6ff09"},
      {"algorithm=SHA-512-256, qop=auth-int", "f764b1fdbb527cc27f908236ddff43c88a121656e7cd02819d7c7c08ee975b6d"},
      {"algorithm=SHA-512-256-sess, qop=auth", "2d2b76197b5cad745e0c4703d2da9f837e0ef5bcaec9d92a24383650d02511f0"},
      {"algorithm=SHA-512-256-sess, qop=auth-int", "6e36d5ad66ea99089a3f99a6dee5fa521fdd28364ec5a919a56258279491d0c5"},
      {"algorithm=SHA-512-256", "f39fd98a29c1116b9bc713f26e72ba723b47cd118759dc59895872c313fdcc20"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.parameters);
    const std::string parameters = row.parameters;
    const std::string value = value_of("realm=here, nonce=n0nce, " + parameters, kAnn);
    CHECK(value.find("response=\"" + std::string(row.response) + '"') != std::string::npos);
    const bool has_qop = parameters.find("qop") != std::string::npos;
    CHECK((value.find(", cnonce=\"c0nce\", nc=00001a2b, qop=") != std::string::npos) == has_qop);
    CHECK((value.find("nc=") != std::string::npos) == has_qop);
    CHECK(value.find("qop=auth, ") == (parameters.ends_with("qop=auth") ? value.find("qop=") : std::string::npos));
  }
  DigestUse use = kAnn;
  use.body = "";
  CHECK(value_of("realm=here, nonce=n0nce, qop=auth-int", use).find("ad3edb0c5d66e36dadc80067b836ce4d") !=
        std::string::npos);
  use.nonce_count = 0xffff'ffff;
  CHECK(value_of("realm=here, nonce=n0nce, qop=auth", use).find("nc=ffffffff,") != std::string::npos);
}

TEST_CASE("digest: auth-int is used only without auth, and needs the body") {
  DigestUse use = kAnn;
  use.body = std::nullopt;
  const Error error = error_of(digest_in("realm=here, nonce=n, qop=auth-int"), use);
  CHECK(error.code == Code::invalid_request);
  CHECK(error.message().find("auth-int") != std::string::npos);
  const std::string both = value_of("realm=here, nonce=n, qop=\"auth-int,auth\"", use);
  CHECK(both.find("qop=auth,") != std::string::npos);
  CHECK(both == value_of("realm=here, nonce=n, qop=auth", kAnn));
}

TEST_CASE("digest: what a challenge says") {
  const DigestChallenge bare = digest_in("realm=\"\", nonce=\"\"");
  CHECK(bare == DigestChallenge{});
  CHECK_FALSE(bare.has_qop());
  CHECK_FALSE(bare.needs_body());
  DigestChallenge full;
  full.realm = "r";
  full.nonce = "n";
  full.opaque = "";
  full.algorithm_name = "sha-256-SESS";
  full.algorithm = Algorithm::sha256;
  full.session = full.qop_auth = full.qop_auth_int = full.stale = full.userhash = true;
  CHECK(digest_in("realm=r, nonce=n, opaque=\"\", algorithm=\"sha-256-SESS\", qop=\"AUTH , x, Auth-Int\", stale=TRUE, "
                  "userhash=\"True\", domain=\"/\", charset=UTF-8, other=1") == full);
  const DigestChallenge no = digest_in("realm=r, nonce=n, qop=auth-int, stale=false, userhash=1");
  CHECK(no.needs_body());
  CHECK_FALSE(no.stale);
  CHECK_FALSE(no.userhash);
  for (const char* empty : {"\"\"", "\" , \""}) {
    CHECK_FALSE(digest_in(std::string("realm=r, nonce=n, qop=") + empty).has_qop());
  }
}

TEST_CASE("digest: a challenge that cannot be answered says why") {
  CHECK(reason("nonce=n") == "has no realm");
  CHECK(reason("realm=r") == "has no nonce");
  for (const char* unknown : {"SHA-512", "MD4", "\"\"", "MD5-", "SHA-256-ses"}) {
    CHECK(reason("realm=r, nonce=n, qop=auth, algorithm=" + std::string(unknown)) == "has an unknown algorithm");
  }
  CHECK(reason("realm=r, nonce=n, qop=auth-conf") == "has no known qop");
  CHECK(reason("realm=r, nonce=n, qop=\"aut, auth-in\"") == "has no known qop");
  CHECK(reason("realm=r, nonce=n, algorithm=MD5-sess") == "has an algorithm of -sess and no qop");
  const std::string most(rules::kMaxDigestBytes - 2, 'n');
  CHECK(reason("realm=r, opaque=o, nonce=" + most) == "");
  CHECK(reason("realm=r, opaque=o1, nonce=" + most) == "has more than 8190 bytes of realm, nonce and opaque");
}

TEST_CASE("SB-11 digest: no control character reaches the field, and no error shows a secret") {
  const DigestChallenge good = digest_in("realm=here, nonce=n, qop=auth, opaque=o, algorithm=MD5");
  REQUIRE(digest_authorization(good, kAnn));
  for (int byte = 0; byte < 0x80; byte = byte == 0x1f ? 0x7f : byte + 1) {
    CAPTURE(byte);
    const std::string text = std::string("sec") + static_cast<char>(byte) + "ret";
    DigestUse use = kAnn;
    use.user = text;
    CHECK(error_of(good, use).message() == "credentials: the user holds a control character (RFC 7617 2)");
    CHECK(error_of(good, use).code == Code::invalid_request);
    use = kAnn;
    use.password = text;
    CHECK(error_of(good, use).message() == "credentials: the password holds a control character (RFC 7617 2)");
    if (byte == '\t') continue;  // a field may hold it
    use = kAnn;
    use.target = text;
    CHECK(error_of(good, use).code == Code::invalid_request);
    use = kAnn;
    use.cnonce = text;
    CHECK(error_of(good, use).code == Code::invalid_request);
    DigestChallenge realm = good, nonce = good, opaque = good, algorithm = good;
    realm.realm = nonce.nonce = algorithm.algorithm_name = text;
    opaque.opaque = text;
    for (const DigestChallenge& bad : {realm, nonce, opaque, algorithm}) {
      CHECK(error_of(bad, kAnn).code == Code::malformed_response);
      CHECK(error_of(bad, kAnn).message().find("sec") == std::string::npos);
    }
  }
}

TEST_CASE("SB-35 digest: 100,000 cnonces are unique, and come from the seed") {
  Random random(Seed{1});
  std::set<std::string> seen;
  for (int i = 0; i < 100'000; ++i) seen.insert(rules::make_cnonce(random));
  CHECK(seen.size() == 100'000);
  CHECK(seen.begin()->size() == 32);
  Random same(Seed{1}), other(Seed{2});
  CHECK(seen.contains(rules::make_cnonce(same)));
  CHECK_FALSE(seen.contains(rules::make_cnonce(other)));
}
