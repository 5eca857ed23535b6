// core/rules/authentication: what is sent first, what answers which challenge, and what is remembered of Digest.
#include "core/rules/authentication.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace sluice;
using rules::Answer;
using rules::AuthRequest;
using rules::DigestSessions;
using rules::DigestState;

namespace {

constexpr AuthSchemes kAll = {.basic = true, .digest = true, .bearer = true};
constexpr AuthRequest kGet = {.method = "GET", .target = "/", .body = ""};
const std::string kBasicValue = "Basic YW5uOnB3";
const std::string kBearerValue = "Bearer t0k";

Credentials ann(AuthSchemes schemes) { return {.user = "ann", .password = "pw", .bearer = "t0k", .schemes = schemes}; }

DigestState state_of(const std::string& nonce, std::uint32_t count = 1) {
  DigestState state;
  state.challenge.realm = "r";
  state.challenge.nonce = nonce;
  state.challenge.qop_auth = true;
  state.cnonce = "c";
  state.nonce_count = count;
  return state;
}

// The value, "" for none, or the error.
std::string shown(const Result<std::optional<std::string>>& value) {
  return value ? value->value_or("") : value.error().message();
}

std::string first(const Credentials& credentials, const DigestState* remembered = nullptr,
                  const AuthRequest& request = kGet) {
  return shown(rules::first_authorization(credentials, request, remembered));
}

struct AuthCase {
  std::string challenges;
  Credentials credentials = ann(kAll);
  AuthRequest request = kGet;
  std::string sent = "";
  std::optional<DigestState> sent_digest = {};
  std::size_t answers = 0;
};

Result<std::optional<Answer>> decide_auth(const AuthCase& what) {
  Fields fields;
  REQUIRE(fields.add("WWW-Authenticate", what.challenges));
  const auto challenges = rules::challenges_of(fields, "WWW-Authenticate");
  Random random(Seed{1});
  return rules::answer({what.credentials, challenges, what.request, what.sent,
                        what.sent_digest ? &*what.sent_digest : nullptr, what.answers},
                       random);
}

// "digest NONCE", the field's value of other schemes, "" for no answer, or the error.
std::string answered(const AuthCase& what) {
  const auto found = decide_auth(what);
  if (!found) return found.error().message();
  if (!*found) return "";
  return (*found)->digest ? "digest " + (*found)->digest->challenge.nonce : (*found)->authorization;
}

const std::string kMd5 = "Digest realm=r, nonce=md5, qop=auth";
const std::string kSha256 = "Digest realm=r, nonce=sha256, qop=auth, algorithm=SHA-256";
const std::string kSha512 = "Digest realm=r, nonce=sha512, qop=auth, algorithm=SHA-512-256";

}  // namespace

TEST_CASE("authentication: Basic alone and Bearer alone go with the first request, nothing else does") {
  CHECK(first(ann({})) == kBasicValue);
  CHECK(first(ann({.basic = false, .bearer = true})) == kBearerValue);
  CHECK(first(ann({.basic = true, .bearer = true})) == "");
  CHECK(first(ann({.basic = false})) == "");
  CHECK(first(ann({.basic = false, .digest = true})) == "");
  CHECK(first(ann({.basic = true, .digest = true})) == "");
  CHECK(first(ann({.basic = false, .digest = true, .bearer = true})) == "");
  CHECK(first(ann(kAll)) == "");
  // Without a token Bearer does not count.
  CHECK(first({.user = "ann", .password = "pw", .schemes = {.basic = true, .bearer = true}}) == kBasicValue);
  CHECK(first({.user = "ann", .schemes = {.basic = false, .bearer = true}}) == "");
  CHECK(first({}) == "Basic Og==");
  CHECK(first({.user = "\xc3\xa4", .password = "a:b"}) == "Basic w6Q6YTpi");
}

TEST_CASE("authentication: a remembered Digest challenge is answered with the first request") {
  const DigestState known = state_of("n", 7);
  const std::string value = first(ann({.basic = true, .digest = true}), &known);
  CHECK(value.starts_with("Digest username=\"ann\", realm=\"r\", nonce=\"n\", uri=\"/\", cnonce=\"c\", nc=00000007, "));
  CHECK(first(ann({.basic = false}), &known) == "");
  CHECK(first(ann({}), &known) == kBasicValue);
  DigestState whole = known;
  whole.challenge.qop_auth = false;
  whole.challenge.qop_auth_int = true;
  CHECK(first(ann(kAll), &whole).find("qop=auth-int") != std::string::npos);
  CHECK(first(ann(kAll), &whole, {.method = "PUT", .target = "/"}) == "");
}

TEST_CASE("authentication: the strongest challenge that may and can be answered is answered") {
  const std::string every = "Basic realm=r, Bearer, " + kMd5 + ", " + kSha256 + ", " + kSha512 + ", Negotiate";
  CHECK(answered({.challenges = every}) == "digest sha512");
  CHECK(answered({.challenges = kSha512 + ", " + kMd5 + ", Basic"}) == "digest sha512");
  CHECK(answered({.challenges = kMd5 + ", " + kSha256}) == "digest sha256");
  CHECK(answered({.challenges = "Bearer, " + kMd5}) == "digest md5");
  CHECK(answered({.challenges = "Basic realm=r, Bearer realm=r"}) == kBearerValue);
  CHECK(answered({.challenges = "Negotiate, BASIC"}) == kBasicValue);
  CHECK(answered({.challenges = "Negotiate, NTLM"}) == "");
  CHECK(answered({.challenges = "Other realm=r, nonce=n, qop=auth"}) == "");
  CHECK(answered({.challenges = ""}) == "");

  CHECK(answered({.challenges = every, .credentials = ann({.basic = true, .bearer = true})}) == kBearerValue);
  CHECK(answered({.challenges = every, .credentials = ann({})}) == kBasicValue);
  CHECK(answered({.challenges = every, .credentials = ann({.basic = false})}) == "");
  CHECK(answered({.challenges = kMd5, .credentials = ann({.basic = true, .bearer = true})}) == "");
  CHECK(answered({.challenges = "Bearer, Basic", .credentials = {.user = "ann", .password = "pw", .schemes = kAll}}) ==
        kBasicValue);
}

TEST_CASE("authentication: of equal Digest challenges one with qop is answered, then the first") {
  CHECK(answered({.challenges = "Digest realm=r, nonce=a, Digest realm=r, nonce=b, qop=auth"}) == "digest b");
  CHECK(answered({.challenges = "Digest realm=r, nonce=a, qop=auth, Digest realm=r, nonce=b"}) == "digest a");
  CHECK(answered({.challenges = "Digest realm=r, nonce=a, Digest realm=r, nonce=b"}) == "digest a");
  CHECK(answered({.challenges = "Digest realm=r, nonce=a, algorithm=SHA-256, Digest realm=r, nonce=b, qop=auth"}) ==
        "digest a");
}

TEST_CASE("authentication: a Digest challenge that cannot be answered leaves its place to others") {
  CHECK(answered({.challenges = "Digest realm=r, nonce=x, algorithm=SHA-512, " + kMd5}) == "digest md5");
  CHECK(answered({.challenges = "Digest realm=r, Basic"}) == kBasicValue);
  const std::string whole = "Digest realm=r, nonce=x, qop=auth-int, algorithm=SHA-256";
  CHECK(answered({.challenges = whole}) == "digest x");
  const AuthRequest streamed = {.method = "PUT", .target = "/"};
  CHECK(answered({.challenges = whole, .request = streamed}) == "");
  CHECK(answered({.challenges = whole + ", " + kMd5, .request = streamed}) == "digest md5");
}

TEST_CASE("authentication: an answer of Digest has a new cnonce and count 1") {
  const auto found = decide_auth({.challenges = kSha256});
  REQUIRE(found);
  REQUIRE(*found);
  REQUIRE((*found)->digest);
  const DigestState& state = *(*found)->digest;
  CHECK(state.nonce_count == 1);
  CHECK(state.cnonce.size() == 32);
  CHECK(state.challenge.realm == "r");
  CHECK((*found)->authorization == first(ann(kAll), &state));
  CHECK((*found)->authorization.find("cnonce=\"" + state.cnonce + "\", nc=00000001, qop=auth") != std::string::npos);
  const auto plain = decide_auth({.challenges = "Basic"});
  REQUIRE(plain);
  REQUIRE(*plain);
  CHECK_FALSE((*plain)->digest);
}

TEST_CASE("authentication: what was sent already is not sent again") {
  CHECK(answered({.challenges = "Basic", .sent = kBasicValue}) == "");
  CHECK(answered({.challenges = "Bearer, Basic", .sent = kBearerValue}) == "");
  CHECK(answered({.challenges = "Basic", .sent = "Basic b3RoZXI6cHc="}) == kBasicValue);
  CHECK(answered({.challenges = kMd5, .sent = kBasicValue}) == "digest md5");
  CHECK(answered({.challenges = "Basic", .sent = kBasicValue, .answers = 1}) == "");
  CHECK(answered({.challenges = kMd5, .sent = kBasicValue, .answers = 1}) == "digest md5");
  // No scheme that shows more after one that was refused.
  CHECK(answered({.challenges = "Basic", .sent = kBearerValue, .answers = 1}) == "");
  CHECK(answered({.challenges = "Basic, Bearer", .sent = "Digest x", .sent_digest = state_of("n"), .answers = 1}) ==
        "");
}

TEST_CASE("authentication: after Digest failed only a stale nonce is answered, three times") {
  const std::string same = "Digest realm=r, nonce=old, qop=auth", fresh = "Digest realm=r, nonce=new, qop=auth";
  const auto after = [](const std::string& challenges, std::size_t answers) {
    return answered({.challenges = challenges, .sent = "Digest x", .sent_digest = state_of("old"), .answers = answers});
  };
  CHECK(after(same, 1) == "");
  CHECK(after(same + ", stale=true", 1) == "");
  CHECK(after(fresh, 1) == "");
  CHECK(after(fresh + ", stale=false", 1) == "");
  for (std::size_t answers = 0; answers < rules::kMaxAuthAnswers; ++answers) {
    CHECK(after(fresh + ", stale=true", answers) == "digest new");
  }
  CHECK(after(fresh + ", stale=true", rules::kMaxAuthAnswers) == "");
  CHECK(after(fresh + ", stale=true", std::numeric_limits<std::size_t>::max()) == "");
  CHECK(after(same + ", Basic", 1) == "");
  CHECK(after(same + ", Basic", 0) == "");
  // The first request had a remembered nonce: it was never a challenge to this request.
  CHECK(after(fresh, 0) == "digest new");
  CHECK(after(same, 0) == "");
  CHECK(after("Basic", 0) == kBasicValue);
}

TEST_CASE("SB-11 authentication: text that cannot be sent is an error that does not show it") {
  const std::string bad[] = {"sec\rret", "sec\nret", std::string("sec\0ret", 7), "sec\tret", "sec\x7fret"};
  for (const std::string& text : bad) {
    CAPTURE(text);
    Credentials user = ann({}), password = ann({}), token = ann({.basic = false, .bearer = true});
    user.user = password.password = token.bearer = text;
    const std::string end = " holds a control character (RFC 7617 2)";
    CHECK(first(user) == "credentials: the user" + end);
    CHECK(first(password) == "credentials: the password" + end);
    CHECK(first(token) == "credentials: the token" + end);
    CHECK(answered({.challenges = "Basic", .credentials = user}) == "credentials: the user" + end);
    CHECK(answered({.challenges = "Basic", .credentials = password}) == "credentials: the password" + end);
    CHECK(answered({.challenges = "Bearer", .credentials = token}) == "credentials: the token" + end);
    user.schemes = password.schemes = kAll;
    CHECK(answered({.challenges = kMd5, .credentials = user}) == "credentials: the user" + end);
    CHECK(answered({.challenges = kMd5, .credentials = password}) == "credentials: the password" + end);
    const DigestState known = state_of("n");
    CHECK(first(user, &known) == "credentials: the user" + end);
  }
  CHECK(first({.user = "sec:ret"}) == "credentials: the user has a colon, which Basic cannot hold (RFC 7617 2)");
  const auto refused = rules::first_authorization({.user = "sec:ret"}, kGet, nullptr);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_request);
}

TEST_CASE("digest sessions: each origin and user has its own, and each use raises the count") {
  DigestSessions sessions;
  CHECK_FALSE(sessions.next("a", "ann"));
  sessions.remember("a", "ann", state_of("n"));
  for (std::uint32_t count = 2; count < 5; ++count) {
    const auto state = sessions.next("a", "ann");
    REQUIRE(state);
    CHECK(state->nonce_count == count);
    CHECK(state->challenge.nonce == "n");
    CHECK(state->cnonce == "c");
  }
  CHECK_FALSE(sessions.next("b", "ann"));
  CHECK_FALSE(sessions.next("a", "bob"));
  CHECK_FALSE(sessions.next("aa", "nn"));
  sessions.remember("a", "bob", state_of("m"));
  CHECK(sessions.next("a", "bob")->challenge.nonce == "m");
  sessions.forget("a", "ann");
  sessions.forget("a", "nobody");
  CHECK_FALSE(sessions.next("a", "ann"));
  CHECK(sessions.size() == 1);
}

TEST_CASE("digest sessions: a new nonce begins anew, the same one never counts down") {
  DigestSessions sessions;
  sessions.remember("a", "ann", state_of("n", 9));
  sessions.remember("a", "ann", state_of("n"));
  CHECK(sessions.size() == 1);
  CHECK(sessions.next("a", "ann")->nonce_count == 10);
  sessions.remember("a", "ann", state_of("n", 20));
  CHECK(sessions.next("a", "ann")->nonce_count == 21);
  sessions.remember("a", "ann", state_of("m"));
  CHECK(sessions.size() == 1);
  CHECK(sessions.next("a", "ann")->nonce_count == 2);
}

TEST_CASE("digest sessions: the count has eight digits, so its last nonce is forgotten") {
  DigestSessions sessions;
  sessions.remember("a", "ann", state_of("n", 0xffff'fffe));
  CHECK(sessions.next("a", "ann")->nonce_count == 0xffff'ffff);
  CHECK_FALSE(sessions.next("a", "ann"));
  CHECK(sessions.size() == 0);
}

TEST_CASE("digest sessions: 64 are kept, those used last") {
  DigestSessions sessions;
  for (std::size_t i = 0; i < rules::kMaxDigestSessions; ++i) sessions.remember(std::to_string(i), "", state_of("n"));
  CHECK(sessions.size() == rules::kMaxDigestSessions);
  REQUIRE(sessions.next("0", ""));
  sessions.remember("1", "", state_of("m"));
  sessions.remember("more", "", state_of("n"));
  sessions.remember("more yet", "", state_of("n"));
  CHECK(sessions.size() == rules::kMaxDigestSessions);
  for (const char* kept : {"0", "1", "4", "63", "more", "more yet"}) CHECK(sessions.next(kept, ""));
  for (const char* gone : {"2", "3"}) CHECK_FALSE(sessions.next(gone, ""));
}

TEST_CASE("digest sessions: Authentication-Info may bring the next nonce") {
  DigestSessions sessions;
  const auto noted = [&](const std::string& info, bool session = false) {
    DigestState state = state_of("n", 5);
    state.challenge.session = session;
    sessions.forget("a", "ann");
    sessions.remember("a", "ann", state);
    sessions.note_info("a", "ann", info);
    const auto next = sessions.next("a", "ann");
    REQUIRE(next);
    return next->challenge.nonce + ' ' + std::to_string(next->nonce_count);
  };
  CHECK(noted("nextnonce=\"m\\\"1\"") == "m\"1 1");
  CHECK(noted("qop=auth, rspauth=\"a,nextnonce=b\", NextNonce=m, nextnonce=o") == "m 1");
  CHECK(noted("nextnonce=n") == "n 6");
  CHECK(noted("nextnonce=m", true) == "n 6");
  for (const char* none : {"", "qop=auth", "nextnonce", "nextnonce=\"m", "nextnonce=m\x01", "x nextnonce=m"}) {
    CAPTURE(none);
    CHECK(noted(none) == "n 6");
  }
  // The limit is for all that is sent back.
  const DigestState state = state_of("n");
  const std::size_t most =
      rules::kMaxDigestBytes - state.challenge.realm.size() - state.challenge.opaque.value_or("").size();
  CHECK(noted("nextnonce=" + std::string(most, 'm')).size() == most + 2);
  CHECK(noted("nextnonce=" + std::string(most + 1, 'm')) == "n 6");
  sessions.note_info("b", "ann", "nextnonce=m");
  CHECK(sessions.size() == 1);
}

TEST_CASE("authentication: NTLM comes after Digest and before what shows the secret, if the connection may log in") {
  Credentials credentials = ann(kAll);
  credentials.schemes.ntlm = true;
  Fields fields;
  REQUIRE(fields.add("WWW-Authenticate", "Basic realm=r, Bearer, NTLM"));
  Random random(Seed{1});
  const auto logs_in = [&](bool may_log_in, std::size_t answers) {
    const auto challenges = rules::challenges_of(fields, "WWW-Authenticate");
    const auto found = rules::answer({credentials, challenges, kGet, "", nullptr, answers, may_log_in}, random);
    return found && *found && (*found)->login == rules::LoginScheme::ntlm;
  };
  CHECK(logs_in(true, 0));
  CHECK_FALSE(logs_in(true, 1));
  CHECK_FALSE(logs_in(false, 0));
  CHECK(answered({.challenges = "Basic realm=r, NTLM", .credentials = credentials}) == kBasicValue);
  REQUIRE(fields.add("WWW-Authenticate", kMd5));
  CHECK_FALSE(logs_in(true, 0));
  credentials.schemes = {.basic = true, .ntlm = true};
  CHECK(first(credentials).empty());
  CHECK(logs_in(true, 0));
  credentials.schemes.ntlm = false;
  CHECK_FALSE(logs_in(true, 0));
}

namespace {

class Nobody final : public NegotiateProvider {
  std::unique_ptr<NegotiateLogin> begin(std::string_view) override { return nullptr; }
  std::string identity() const override { return ""; }
};

}  // namespace

TEST_CASE(
    "authentication: a token of Negotiate is wanted before the first answer, where a connection can be one user's") {
  struct Row {
    const char* challenges = "Basic, Negotiate";
    bool allowed = true, provided = true, may_log_in = true;
    std::size_t answers = 0;
    bool wanted = true;
  };
  for (const Row& row : {Row{}, Row{.challenges = "NEGOTIATE"}, Row{.challenges = "Basic", .wanted = false},
                         Row{.allowed = false, .wanted = false}, Row{.provided = false, .wanted = false},
                         Row{.may_log_in = false, .wanted = false}, Row{.answers = 1, .wanted = false}}) {
    Credentials credentials = ann(kAll);
    credentials.schemes.negotiate = row.allowed;
    if (row.provided) credentials.negotiate = std::make_shared<Nobody>();
    Fields fields;
    REQUIRE(fields.add("WWW-Authenticate", row.challenges));
    const auto challenges = rules::challenges_of(fields, "WWW-Authenticate");
    rules::Challenged what{credentials, challenges, kGet, "", nullptr, row.answers, row.may_log_in};
    CHECK(rules::wants_token(what) == row.wanted);
    if (!row.wanted) continue;
    what.has_token = true;
    Random random(Seed{1});
    const auto answer = rules::answer(what, random);
    REQUIRE(answer);
    REQUIRE(*answer);
    CHECK((*answer)->login == rules::LoginScheme::negotiate);
    CHECK(first(credentials) == "");  // it does not go before a challenge here
  }
}

TEST_CASE("authentication: without a user Basic, Digest and NTLM answer nothing") {
  for (const char* const challenges : {"Basic", "NTLM", "Digest realm=r, nonce=n"}) {
    AuthSchemes schemes = kAll;
    schemes.ntlm = true;
    CHECK(answered({.challenges = challenges, .credentials = {.bearer = "t0k", .schemes = schemes}}) == "");
  }
  CHECK(answered({.challenges = "Basic", .credentials = {.password = "pw"}}) == "Basic OnB3");
}
