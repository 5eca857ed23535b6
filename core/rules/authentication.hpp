// Which credentials a request carries, and what follows a response that asks for others (RFC 9110 11). Pure decisions,
// the same for servers (401) and proxies (407). Leaves to others: the names of the fields, sending the next request,
// and whose credentials are for which origin (SB-01, SB-33).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.hpp"
#include "core/credentials.hpp"
#include "core/error.hpp"
#include "core/rules/challenge.hpp"
#include "core/rules/digest.hpp"

namespace sluice::rules {

// How often the challenges to one request are answered: once, and three times more because a nonce was stale.
inline constexpr std::size_t kMaxAuthAnswers = 4;
inline constexpr std::size_t kMaxDigestSessions = 64;  // kept: those used last

// What the next Digest answers to an origin are made of. Holds no secret.
struct DigestState {
  DigestChallenge challenge = {};
  std::string cnonce = {};        // one for all answers to this challenge
  std::uint32_t nonce_count = 1;  // of the answer that this state is for
};

// The request that needs credentials. Views.
struct AuthRequest {
  std::string_view method = {};
  std::string_view target = {};               // the request-target as sent (RFC 9112 3.2)
  std::optional<std::string_view> body = {};  // "": none; nullopt: not known as a whole
};

// Whether Basic and Digest have something to send.
bool has_user(const Credentials& credentials);
// Whether Negotiate is allowed, and the application has given an object that makes its tokens.
bool may_negotiate(const Credentials& credentials);

// The value of the field that a request carries before any challenge to it; nullopt: it goes without. `remembered`:
// what DigestSessions::next() has for its origin; null: nothing. Errors: invalid_request (text that cannot be sent,
// core/credentials.hpp), without user, password and token. Throws std::bad_alloc.
Result<std::optional<std::string>> first_authorization(const Credentials& credentials, const AuthRequest& request,
                                                       const DigestState* remembered);

// Schemes by which a connection is logged in (core/flow/login.hpp).
enum class LoginScheme : std::uint8_t { none, ntlm, negotiate };

// A response of 401 or 407, and what led to it. All members must live during the call.
struct Challenged {
  const Credentials& credentials;
  const std::vector<Challenge>& challenges;  // of the response
  AuthRequest request;                       // the one that failed, which is sent again
  std::string_view sent;                     // the field's value in it; "": it had none
  const DigestState* sent_digest;            // of which `sent` was made; null: it was not Digest
  std::size_t answers;                       // how many challenges to this request were answered before
  bool may_log_in = false;                   // the connection could be one user's
  bool has_token = false;                    // wants_token() is true, and there is one
};

struct Answer {
  std::string authorization = {};          // the field's value in the next request
  std::optional<DigestState> digest = {};  // of which it was made; nullopt: it is not Digest
  LoginScheme login = LoginScheme::none;   // another one: there is no such value, but a login begins
};

// Whether a challenge is answered by Negotiate, if there is a first token: it is made next, as only that shows it.
bool wants_token(const Challenged& what);

// The answer to the strongest challenge that the credentials may and can answer (core/credentials.hpp). nullopt, the
// response is final: there is no such challenge; it asks for what was sent; Digest was refused for this nonce, or for
// another one and the challenge is not stale; an answer was refused and the challenge is not Digest; kMaxAuthAnswers
// were given. Before the first answer Digest may have been sent with a remembered nonce, so its challenge need not be
// stale. Errors: as first_authorization(). Throws std::bad_alloc.
Result<std::optional<Answer>> answer(const Challenged& what, Random& random);

// The Digest challenges that were answered last, so that the next requests to their origins carry an answer at once.
// The caller names origins (and proxies) by a text that no other has. Not thread-safe.
class DigestSessions {
 public:
  // The state for the next request; its count goes up by one. nullopt: nothing is remembered. Throws std::bad_alloc.
  std::optional<DigestState> next(std::string_view origin, std::string_view user);
  // For each answer, when it is made. With the nonce that is known already the count does not go down. Throws
  // std::bad_alloc; nothing has changed then.
  void remember(std::string_view origin, std::string_view user, DigestState state);
  // For an answer that was refused.
  void forget(std::string_view origin, std::string_view user);
  // Takes a new nonce from the value of Authentication-Info or Proxy-Authentication-Info (RFC 7616 3.5), but not for
  // algorithms of "-sess", whose secret stays with the first nonce. Throws std::bad_alloc.
  void note_info(std::string_view origin, std::string_view user, std::string_view info);
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Session {
    std::string origin;
    std::string user;
    DigestState state;
  };
  using Sessions = std::list<Session>;
  Sessions::iterator find(std::string_view origin, std::string_view user);

  Sessions sessions_;  // the latest one first
};

}  // namespace sluice::rules
