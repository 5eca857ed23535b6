// Digest authentication (RFC 7616, and the forms of RFC 2617 and RFC 2069): what a challenge asks, and the field that
// answers it. Pure functions. Leaves to others: which challenge is answered, and how often a nonce was used
// (authentication.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/random.hpp"
#include "core/error.hpp"
#include "core/hash/hash.hpp"
#include "core/rules/challenge.hpp"

namespace sluice::rules {

// Of realm, nonce and opaque together: they are sent back, and common servers refuse longer fields.
inline constexpr std::size_t kMaxDigestBytes = 8'190;

// A challenge that can be answered (RFC 7616 3.3). `domain` and `charset` are not used: the answer is for one origin,
// and user and password are sent as they were given. Owns its text.
struct DigestChallenge {
  std::string realm = {};
  std::string nonce = {};
  std::optional<std::string> opaque = {};
  std::string algorithm_name = {};  // as received; "": not named, so it is MD5
  hash::Algorithm algorithm = hash::Algorithm::md5;
  bool session = false;       // the algorithm is one of "-sess"
  bool qop_auth = false;      // qualities of protection; neither: the form of RFC 2069
  bool qop_auth_int = false;  // the body is hashed too
  bool stale = false;         // only the nonce was refused, not the user and password
  bool userhash = false;      // the user is sent hashed

  bool has_qop() const { return qop_auth || qop_auth_int; }
  bool needs_body() const { return qop_auth_int && !qop_auth; }
  friend bool operator==(const DigestChallenge&, const DigestChallenge&) = default;
};

// Error: why the challenge cannot be answered, as the end of a sentence that begins with "a Digest challenge": "has no
// nonce". Static text. Throws std::bad_alloc.
std::expected<DigestChallenge, std::string_view> parse_digest_challenge(const Challenge& challenge);

// What a challenge is answered with. Views, which must live during the call.
struct DigestUse {
  std::string_view method = {};
  std::string_view target = {};  // the request-target as sent (RFC 9112 3.2)
  std::string_view user = {};
  std::string_view password = {};
  // With an algorithm of "-sess" it must be the same for all requests with one nonce (RFC 7616 3.4.2).
  std::string_view cnonce = {};
  std::uint32_t nonce_count = 1;              // requests with this nonce, this one included
  std::optional<std::string_view> body = {};  // nullopt: not known; then a challenge that needs it is an error
};

// The value of an Authorization or Proxy-Authorization field, in curl's order. Errors: invalid_request (a control
// character in user, password, target or cnonce; the body is needed and not known), malformed_response (one in the
// challenge; SB-11). No error shows user or password. Throws std::bad_alloc.
Result<std::string> digest_authorization(const DigestChallenge& challenge, const DigestUse& use);

// 32 hexadecimal digits that are unlike any other (SB-35). Throws std::bad_alloc.
std::string make_cnonce(Random& random);

// Error, which does not show the text: it holds a control character, so it cannot be sent (SB-11). `what` says what the
// text is: "password".
Result<void> check_secret(std::string_view text, std::string_view what);

}  // namespace sluice::rules
