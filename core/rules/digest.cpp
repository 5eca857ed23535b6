// See digest.hpp. Section numbers are of RFC 7616.
#include "core/rules/digest.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::rules {
namespace {

struct NamedAlgorithm {
  std::string_view name;
  hash::Algorithm algorithm;
  bool session;
};
constexpr NamedAlgorithm kAlgorithms[] = {
    {"MD5", hash::Algorithm::md5, false},
    {"MD5-sess", hash::Algorithm::md5, true},
    {"SHA-256", hash::Algorithm::sha256, false},
    {"SHA-256-sess", hash::Algorithm::sha256, true},
    {"SHA-512-256", hash::Algorithm::sha512_256, false},
    {"SHA-512-256-sess", hash::Algorithm::sha512_256, true},
};

bool is_true(const Challenge& challenge, std::string_view name) {
  return equals_ignoring_case(challenge.find(name).value_or(""), "true");
}

// False: the algorithm is not known.
bool take_algorithm(DigestChallenge& digest, std::optional<std::string_view> name) {
  if (!name) return true;
  for (const NamedAlgorithm& known : kAlgorithms) {
    if (!equals_ignoring_case(known.name, *name)) continue;
    digest.algorithm_name = *name;
    digest.algorithm = known.algorithm;
    digest.session = known.session;
    return true;
  }
  return false;
}

// False: qualities are offered, and none of them is known.
bool take_qop(DigestChallenge& digest, std::string_view offered) {
  digest.qop_auth = lists_token(offered, "auth");
  digest.qop_auth_int = lists_token(offered, "auth-int");
  return digest.has_qop() || !next_list_element(offered);
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result += '"';
}

// Eight hexadecimal digits (3.4).
std::string count_text(std::uint32_t count) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) append_hex(text, static_cast<char>(count >> shift & 0xff));
  return text;
}

std::string_view qop_of(const DigestChallenge& challenge) {
  if (challenge.qop_auth) return "auth";
  return challenge.qop_auth_int ? "auth-int" : "";
}

Result<void> check(const DigestChallenge& challenge, const DigestUse& use) {
  if (auto good = check_secret(use.user, "user"); !good) return good;
  if (auto good = check_secret(use.password, "password"); !good) return good;
  if (!is_field_value(use.target) || !is_field_value(use.cnonce)) {
    return std::unexpected(make_error(Code::invalid_request, "Digest: target or cnonce holds a control character"));
  }
  if (challenge.needs_body() && !use.body) {
    return std::unexpected(make_error(Code::invalid_request,
                                      "Digest: the server wants a hash of the body (qop auth-int), "
                                      "which is not known before it is sent"));
  }
  if (!is_field_value(challenge.realm) || !is_field_value(challenge.nonce) ||
      !is_field_value(challenge.algorithm_name) || (challenge.opaque && !is_field_value(*challenge.opaque))) {
    return std::unexpected(make_error(Code::malformed_response, "Digest: the challenge holds a control character"));
  }
  return {};
}

// 3.4.1 to 3.4.3.
std::string response(const DigestChallenge& challenge, const DigestUse& use) {
  const auto digest = [&](std::initializer_list<std::string_view> parts) {
    return hash::hex_digest(challenge.algorithm, parts);
  };
  const std::string_view qop = qop_of(challenge);
  std::string secret = digest({use.user, ":", challenge.realm, ":", use.password});
  if (challenge.session) secret = digest({secret, ":", challenge.nonce, ":", use.cnonce});
  const std::string request = challenge.needs_body()
                                  ? digest({use.method, ":", use.target, ":", digest({use.body.value_or("")})})
                                  : digest({use.method, ":", use.target});
  if (!challenge.has_qop()) return digest({secret, ":", challenge.nonce, ":", request});
  const std::string count = count_text(use.nonce_count);
  return digest({secret, ":", challenge.nonce, ":", count, ":", use.cnonce, ":", qop, ":", request});
}

}  // namespace

std::expected<DigestChallenge, std::string_view> parse_digest_challenge(const Challenge& challenge) {
  DigestChallenge digest;
  const auto realm = challenge.find("realm"), nonce = challenge.find("nonce"), opaque = challenge.find("opaque");
  if (!realm) return std::unexpected("has no realm");
  if (!nonce) return std::unexpected("has no nonce");
  // Sizes of text in memory, so the sum does not overflow.
  if (realm->size() + nonce->size() + opaque.value_or("").size() > kMaxDigestBytes) {
    return std::unexpected("has more than 8190 bytes of realm, nonce and opaque");
  }
  if (!take_algorithm(digest, challenge.find("algorithm"))) return std::unexpected("has an unknown algorithm");
  if (!take_qop(digest, challenge.find("qop").value_or(""))) return std::unexpected("has no known qop");
  // Its secret depends on the cnonce, which is not sent without qop.
  if (digest.session && !digest.has_qop()) return std::unexpected("has an algorithm of -sess and no qop");
  digest.realm = *realm;
  digest.nonce = *nonce;
  if (opaque) digest.opaque = *opaque;
  digest.stale = is_true(challenge, "stale");
  digest.userhash = is_true(challenge, "userhash");
  return digest;
}

Result<std::string> digest_authorization(const DigestChallenge& challenge, const DigestUse& use) {
  if (auto good = check(challenge, use); !good) return std::unexpected(std::move(good.error()));
  std::string value = "Digest username=";
  value += quoted(challenge.userhash ? hash::hex_digest(challenge.algorithm, {use.user, ":", challenge.realm})
                                     : std::string(use.user));
  value.append(", realm=").append(quoted(challenge.realm));
  value.append(", nonce=").append(quoted(challenge.nonce));
  value.append(", uri=").append(quoted(use.target));
  if (challenge.has_qop()) {
    value.append(", cnonce=").append(quoted(use.cnonce));
    value.append(", nc=").append(count_text(use.nonce_count));
    value.append(", qop=").append(qop_of(challenge));
  }
  value.append(", response=").append(quoted(response(challenge, use)));
  if (challenge.opaque) value.append(", opaque=").append(quoted(*challenge.opaque));
  if (!challenge.algorithm_name.empty()) value.append(", algorithm=").append(challenge.algorithm_name);
  if (challenge.userhash) value.append(", userhash=true");
  return value;
}

// The numbers are hashed, because the server could find the generator's state from the numbers themselves.
std::string make_cnonce(Random& random) {
  std::array<std::uint8_t, 16> bytes = {};
  random.fill(bytes);
  return hash::hex_digest(hash::Algorithm::sha256, {as_text(bytes)}).substr(0, 32);
}

Result<void> check_secret(std::string_view text, std::string_view what) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::none_of(text.begin(), text.end(), is_control)) return {};
  return std::unexpected(make_error(
      Code::invalid_request, "credentials: the " + std::string(what) + " holds a control character (RFC 7617 2)"));
}

}  // namespace sluice::rules
