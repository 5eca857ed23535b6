// Fuzzes challenge, digest, ntlm and authentication of core/rules. Input: a line of letters (the schemes that are
// allowed: b, d, n, t; k: the body is known), then user, password and target, a line each; then values of
// WWW-Authenticate fields. Oracles: challenges hold no control byte and no more than the fields, and printed they parse
// to the same; an answer has no line end and parses back to what it was made of; no scheme is used that is not allowed
// or not offered, and none that is weaker than Digest; a challenge is answered once. What is read of NTLM's lies in the
// message, and the answer to it holds the user, or is refused for user and password alone.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"
#include "core/rules/authentication.hpp"
#include "core/rules/ntlm.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

using namespace rules;

const bool kSights = must_be_seen({"token68", "basic", "bearer", "digest", "digest that is not known", "a hashed user",
                                   "-sess", "a secret that cannot be sent", "a body that is not known", "ntlm",
                                   "ntlm's challenge", "ntlm with a time", "ntlm that is not known", "no UTF-8"});

std::string printed(const std::vector<Challenge>& challenges) {
  std::string out;
  for (const Challenge& challenge : challenges) {
    std::string_view before = challenge.token68.empty() ? "" : ", ";
    out.append(out.empty() ? "" : ", ").append(challenge.scheme).append(" ").append(challenge.token68);
    for (const auto& [name, value] : challenge.parameters) {
      out.append(std::exchange(before, ", ")).append(name).append("=\"");
      for (const char c : value) out.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
      out += '"';
    }
  }
  return out;
}

std::vector<Challenge> challenges_in(std::string_view value) {
  Fields fields;
  FUZZ_CHECK_SAYING(fields.add("WWW-Authenticate", value).has_value(), shown(value));
  return challenges_of(fields, "www-authenticate");
}

void check_challenges(const std::vector<Challenge>& challenges, std::size_t most_bytes) {
  std::size_t bytes = 0;
  for (const Challenge& challenge : challenges) {
    const auto& [scheme, token68, parameters] = challenge;
    FUZZ_CHECK(is_token(scheme) && parameters.size() <= kMaxAuthParameters);
    if (!token68.empty()) saw("token68");
    bytes += scheme.size() + token68.size();
    for (const auto& [name, value] : parameters) {
      FUZZ_CHECK_SAYING(challenge.find(name)->data() == value.data(), shown(name));  // there is no other
      bytes += name.size() + value.size();
    }
  }
  FUZZ_CHECK(challenges.size() <= kMaxChallenges && bytes <= most_bytes);
  const std::string text = printed(challenges);  // challenges_in() refuses control bytes
  FUZZ_CHECK_SAYING(printed(challenges_in(text)) == text, shown(text));
}

void check_digest(const DigestChallenge& asked, const Credentials& with, const AuthRequest& request) {
  const DigestUse use{"POST", request.target, with.user, with.password, "c\\\"n", 0xab, request.body};
  const auto value = digest_authorization(asked, use);
  const bool no_body = asked.needs_body() && !request.body;
  const bool good = check_secret(with.user, "") && check_secret(with.password, "") && is_field_value(request.target);
  FUZZ_CHECK(value.has_value() == (good && !no_body));
  if (!value) saw(no_body ? "a body that is not known" : "a secret that cannot be sent");
  if (!value) return;
  FUZZ_CHECK(value->size() <= 400 + 2 * (with.user.size() + request.target.size() + kMaxDigestBytes));
  const std::vector<Challenge> read = challenges_in(*value);
  FUZZ_CHECK_SAYING(read.size() == 1 && read[0].scheme == "digest" && read[0].token68.empty(), shown(*value));
  const auto is = [&](std::string_view name, std::optional<std::string_view> wanted) {
    FUZZ_CHECK_SAYING(read[0].find(name) == wanted, std::string(name) + " in " + shown(*value));
  };
  const auto hashed = hash::hex_digest(asked.algorithm, {with.user, ":", asked.realm});
  is("username", asked.userhash ? hashed : with.user);
  is("realm", asked.realm);
  is("nonce", asked.nonce);
  is("uri", request.target);
  is("opaque", asked.opaque);
  is("cnonce", asked.has_qop() ? std::optional(use.cnonce) : std::nullopt);
  is("nc", asked.has_qop() ? std::optional("000000ab") : std::nullopt);
  FUZZ_CHECK(read[0].find("response").value_or("").size() == hashed.size());
  if (asked.userhash) saw("a hashed user");
  if (asked.session) saw("-sess");
}

void check_ntlm(const Challenge& challenge, const Credentials& with) {
  const auto message = from_base64(challenge.token68);
  if (!message || challenge.token68.empty()) return;
  const auto asked = parse_ntlm_challenge(*message);
  saw(!asked ? "ntlm that is not known" : asked->timestamp ? "ntlm with a time" : "ntlm's challenge");
  if (!asked) return;
  FUZZ_CHECK(asked->message == *message && message->find(asked->target_info) != std::string::npos);
  const NtlmUse use{.user = with.user, .password = with.password, .filetime = 1};
  const auto value = ntlm_authenticate(*asked, use);
  if (!value) FUZZ_CHECK(value.error().code == Code::invalid_request && value.error().message().size() < 80);
  if (!value) return saw("no UTF-8");
  const std::size_t fixed = asked->timestamp ? 88 : 72;
  FUZZ_CHECK(value->size() >= fixed + 24 + 16 + 28 + asked->target_info.size() + 8 + 22);
  FUZZ_CHECK(value->size() <= fixed + 24 + 16 + 28 + asked->target_info.size() + 16 + 22 + 2 * with.user.size());
}

// The verdict.
std::string check_answers(const std::vector<Challenge>& challenges, const Credentials& with, const AuthRequest& sent) {
  bool digest = false;  // can be answered
  std::string offered = " ";
  for (const Challenge& challenge : challenges) {
    offered += challenge.scheme + " ";
    if (challenge.scheme == "ntlm") check_ntlm(challenge, with);
    if (challenge.scheme != "digest") continue;
    const auto asked = parse_digest_challenge(challenge);
    if (!asked) saw("digest that is not known");
    if (!asked) continue;
    check_digest(*asked, with, sent);
    digest |= with.schemes.digest && has_user(with) && (!asked->needs_body() || sent.body);
  }
  Random random(Seed{1});
  const auto made = answer({with, challenges, sent, "", nullptr, 0, true}, random);
  if (!made) FUZZ_CHECK(made.error().code == Code::invalid_request && made.error().message().size() < 200);
  if (!made) return "refused";
  FUZZ_CHECK(made->has_value() || !digest);
  if (!*made) return "none";
  const auto& [value, state, login] = **made;
  if (login != LoginScheme::none) {
    FUZZ_CHECK(value.empty() && !digest && login == LoginScheme::ntlm && !with.user.empty() && with.schemes.ntlm &&
               offered.find(" ntlm ") != std::string::npos);
    saw("ntlm");
    return "ntlm";
  }
  const std::string scheme = to_lower(value.substr(0, value.find(' ')));
  FUZZ_CHECK_SAYING(is_field_value(value) && offered.find(" " + scheme + " ") != std::string::npos, shown(value));
  FUZZ_CHECK(digest == state.has_value() && digest == (scheme == "digest"));
  FUZZ_CHECK(digest || (scheme == "basic" ? with.schemes.basic : scheme == "bearer" && with.schemes.bearer));
  const auto again = answer({with, challenges, sent, value, state ? &*state : nullptr, 1}, random);
  FUZZ_CHECK(again && !*again);
  const auto weaker = answer({with, challenges, sent, "Bearer refused", nullptr, 1}, random);
  FUZZ_CHECK(weaker && (!*weaker || digest));
  for (const std::string_view known : {"basic", "bearer", "digest"}) {
    if (scheme == known) saw(known);
  }
  return scheme;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string letters(input.up_to('\n'));
  const auto has = [&](char c) { return letters.find(c) != std::string::npos; };
  Credentials with;
  with.schemes = {.basic = has('b'), .digest = has('d'), .bearer = has('t'), .ntlm = has('n')};
  with.user = input.up_to('\n');
  with.password = with.bearer = input.up_to('\n');
  const std::string target(input.up_to('\n'));
  Fields fields;
  std::size_t bytes = 0;
  while (!input.spent()) {
    const std::string_view line = input.up_to('\n');
    if (fields.add_received("WWW-Authenticate", line)) bytes += line.size();
  }
  const auto challenges = rules::challenges_of(fields, "www-authenticate");
  fuzz::check_challenges(challenges, bytes);
  const auto body = has('k') ? std::optional<std::string_view>(target) : std::nullopt;
  fuzz::last_verdict = fuzz::check_answers(challenges, with, {"POST", target, body});
  return 0;
}
