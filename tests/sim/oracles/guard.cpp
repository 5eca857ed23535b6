// See guard.hpp.
#include "tests/sim/oracles/guard.hpp"

#include <algorithm>
#include <string_view>

#include "core/hash/hash.hpp"

namespace sluice::simtest {
namespace {

constexpr std::string_view kRealm = "a realm";
constexpr std::string_view kOpaque = "nothing to see";

std::string_view name_of(hash::Algorithm algorithm) {
  switch (algorithm) {
    case hash::Algorithm::md5:
      return "MD5";
    case hash::Algorithm::sha256:
      return "SHA-256";
    case hash::Algorithm::sha512_256:
      return "SHA-512-256";
  }
  return "";
}

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += at + i <= text.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

// "name=value" or "name=\"value\"", separated by commas. No value here has a comma or a quote.
std::map<std::string, std::string> parameters_of(std::string_view text) {
  std::map<std::string, std::string> found;
  while (!text.empty()) {
    std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    const std::size_t equals = std::min(one.find('='), one.size());
    std::string_view value = one.substr(std::min(equals + 1, one.size()));
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) value = value.substr(1, value.size() - 2);
    found.emplace(one.substr(0, equals), value);
  }
  return found;
}

}  // namespace

std::string user_of(std::size_t origin) { return "user-" + std::to_string(origin); }
std::string password_of(std::size_t origin) { return "secret of " + std::to_string(origin); }
std::string password_for(const TransferPlan& plan, std::size_t origin) {
  return plan.login && plan.login->is_right ? password_of(origin) : "wrong";
}
std::string basic_field(const std::string& user, const std::string& password) {
  return "Basic " + base64(user + ':' + password);
}

Verdict Guard::judge(const sim::HttpRequest& request, const Visitor& who) {
  Verdict verdict;
  const std::string* field = request.field("authorization");
  if (!field) return verdict;
  const std::string_view value = *field;
  verdict.sent = value.starts_with("Digest ")  ? Verdict::Sent::digest
                 : value.starts_with("Basic ") ? Verdict::Sent::basic
                                               : Verdict::Sent::other;
  if (verdict.sent == Verdict::Sent::basic)
    verdict.lets_in = plan_.basic && value == basic_field(user_of(origin_), password_of(origin_));
  if (verdict.sent == Verdict::Sent::digest) judge_digest(request, value.substr(7), who, verdict);
  return verdict;
}

void Guard::judge_digest(const sim::HttpRequest& request, std::string_view value, const Visitor& who,
                         Verdict& verdict) {
  auto given = parameters_of(value);
  const auto nonce = nonces_.find(given["nonce"]);
  if (nonce == nonces_.end()) {
    verdict.finding = "a nonce that this origin has not given";
    return;
  }
  const bool is_fitting = given["realm"] == kRealm && given["opaque"] == kOpaque && given["uri"] == request.target &&
                          given["algorithm"] == name_of(plan_.algorithm) && given["qop"] == (plan_.qop ? "auth" : "") &&
                          given["nc"].size() == (plan_.qop ? 8 : 0);
  if (!is_fitting) verdict.finding = "a Digest field that does not fit the challenge";
  const auto hashed = [&](std::initializer_list<std::string_view> parts) {
    return hash::hex_digest(plan_.algorithm, parts);
  };
  const std::string user = hashed({user_of(origin_), ":", kRealm, ":", password_of(origin_)});
  const std::string target = hashed({request.method, ":", given["uri"]});
  const std::string wanted =
      plan_.qop ? hashed({user, ":", nonce->first, ":", given["nc"], ":", given["cnonce"], ":auth:", target})
                : hashed({user, ":", nonce->first, ":", target});
  Nonce& known = nonce->second;
  if (plan_.qop) {
    // A request that is sent again on another connection is the same.
    const auto [before, is_new] = known.counts.emplace(given["nc"], who);
    const Visitor& other = before->second;
    if (other.transfer != who.transfer || (other.hop != who.hop && !who.may_be_late))
      verdict.finding = "the count " + given["nc"] + " for the second time with one nonce";
    if (is_new) ++known.uses;
  } else {
    ++known.uses;
  }
  if (given["response"] != wanted || given["username"] != user_of(origin_)) return;
  const bool is_stale_at_once = plan_.stale_every != 0 && known.number % plan_.stale_every == 0;
  verdict.stale = is_stale_at_once || known.uses > plan_.nonce_uses;
  verdict.lets_in = !verdict.stale;
}

std::string Guard::new_nonce() {
  const std::string nonce = "nonce-" + std::to_string(origin_) + '-' + std::to_string(nonces_.size());
  nonces_.emplace(nonce, Nonce{.number = nonces_.size(), .counts = {}});
  return nonce;
}

Guard::Fields Guard::challenge(bool stale, bool in_one_field) {
  const std::string basic = plan_.basic ? "Basic realm=\"" + std::string(kRealm) + '"' : "";
  std::string digest;
  if (plan_.digest) {
    digest = "Digest realm=\"" + std::string(kRealm) + "\", nonce=\"" + new_nonce() + "\", opaque=\"" +
             std::string(kOpaque) + "\", algorithm=" + std::string(name_of(plan_.algorithm));
    if (plan_.qop) digest += ", qop=\"auth,auth-int\"";
    if (stale) digest += ", stale=true";
  }
  if (basic.empty() || digest.empty()) return {{"WWW-Authenticate", basic + digest}};
  if (in_one_field) return {{"WWW-Authenticate", basic + ", " + digest}};
  return {{"WWW-Authenticate", basic}, {"WWW-Authenticate", digest}};
}

Guard::Fields Guard::info() {
  if (!plan_.next_nonces) return {};
  return {{"Authentication-Info", "nextnonce=\"" + new_nonce() + '"'}};
}

}  // namespace sluice::simtest
