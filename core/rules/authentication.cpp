// See authentication.hpp.
#include "core/rules/authentication.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/fields.hpp"
#include "core/request.hpp"

namespace sluice::rules {
namespace {

Result<std::string> basic(const Credentials& credentials) {
  if (auto good = check_secret(credentials.user, "user"); !good) return std::unexpected(std::move(good.error()));
  if (auto good = check_secret(credentials.password, "password"); !good)
    return std::unexpected(std::move(good.error()));
  if (credentials.user.find(':') != std::string::npos) {
    return std::unexpected(
        make_error(Code::invalid_request, "credentials: the user has a colon, which Basic cannot hold (RFC 7617 2)"));
  }
  return basic_credentials(credentials.user, credentials.password);
}

Result<std::string> bearer(const Credentials& credentials) {
  if (auto good = check_secret(credentials.bearer, "token"); !good) return std::unexpected(std::move(good.error()));
  return "Bearer " + credentials.bearer;
}

Result<std::string> digest(const DigestState& state, const Credentials& credentials, const AuthRequest& request) {
  return digest_authorization(state.challenge, {request.method, request.target, credentials.user, credentials.password,
                                                state.cnonce, state.nonce_count, request.body});
}

bool may_use_bearer(const Credentials& credentials) {
  return credentials.schemes.bearer && !credentials.bearer.empty();
}

bool can_answer(const DigestChallenge& challenge, const AuthRequest& request) {
  return !challenge.needs_body() || request.body;
}

bool offers(const Challenged& what, std::string_view scheme) {
  return std::any_of(what.challenges.begin(), what.challenges.end(),
                     [&](const Challenge& challenge) { return challenge.scheme == scheme; });
}

bool is_stronger(const DigestChallenge& one, const DigestChallenge& other) {
  return std::pair(one.algorithm, one.has_qop()) > std::pair(other.algorithm, other.has_qop());
}

// nullopt: none that can be answered.
std::optional<DigestChallenge> strongest_digest(const Challenged& what) {
  std::optional<DigestChallenge> best;
  for (const Challenge& challenge : what.challenges) {
    if (challenge.scheme != "digest") continue;
    auto found = parse_digest_challenge(challenge);
    if (!found || !can_answer(*found, what.request)) continue;
    if (!best || is_stronger(*found, *best)) best = *std::move(found);
  }
  return best;
}

// Whether the user and password were refused, and not only a nonce. Before the first answer the nonce was one from an
// earlier request, which a server may have forgotten without saying so.
bool has_failed(const Challenged& what, const DigestChallenge& challenge) {
  if (!what.sent_digest) return false;
  if (challenge.nonce == what.sent_digest->challenge.nonce) return true;
  return !challenge.stale && what.answers > 0;
}

Result<std::optional<Answer>> answer_digest(const Challenged& what, DigestChallenge challenge, Random& random) {
  if (has_failed(what, challenge)) return std::nullopt;
  DigestState state{.challenge = std::move(challenge), .cnonce = make_cnonce(random)};
  auto value = digest(state, what.credentials, what.request);
  if (!value) return std::unexpected(std::move(value.error()));
  return Answer{*std::move(value), std::move(state)};
}

Result<std::optional<Answer>> answer_once(const Challenged& what, Result<std::string> value) {
  if (!value) return std::unexpected(std::move(value.error()));
  if (*value == what.sent) return std::nullopt;
  return Answer{.authorization = *std::move(value)};
}

}  // namespace

bool has_user(const Credentials& credentials) { return !credentials.user.empty() || !credentials.password.empty(); }

bool may_negotiate(const Credentials& credentials) { return credentials.schemes.negotiate && credentials.negotiate; }

Result<std::optional<std::string>> first_authorization(const Credentials& credentials, const AuthRequest& request,
                                                       const DigestState* remembered) {
  const bool may_basic = credentials.schemes.basic, may_bearer = may_use_bearer(credentials);
  if (credentials.schemes.digest) {
    if (!remembered || !can_answer(remembered->challenge, request)) return std::nullopt;
    return digest(*remembered, credentials, request);
  }
  if (credentials.schemes.ntlm || may_negotiate(credentials) || may_basic == may_bearer) return std::nullopt;
  return may_basic ? basic(credentials) : bearer(credentials);
}

bool wants_token(const Challenged& what) {
  return may_negotiate(what.credentials) && what.may_log_in && what.answers == 0 && offers(what, "negotiate");
}

Result<std::optional<Answer>> answer(const Challenged& what, Random& random) {
  if (what.answers >= kMaxAuthAnswers) return std::nullopt;
  if (what.has_token) return Answer{.login = LoginScheme::negotiate};
  const bool knows_user = has_user(what.credentials);
  if (what.credentials.schemes.digest && knows_user) {
    if (auto challenge = strongest_digest(what)) return answer_digest(what, *std::move(challenge), random);
  }
  if (what.answers > 0) return std::nullopt;  // no scheme that shows more after the one that was refused
  const bool may_ntlm = what.credentials.schemes.ntlm && !what.credentials.user.empty() && what.may_log_in;
  if (may_ntlm && offers(what, "ntlm")) return Answer{.login = LoginScheme::ntlm};
  if (may_use_bearer(what.credentials) && offers(what, "bearer")) return answer_once(what, bearer(what.credentials));
  if (what.credentials.schemes.basic && knows_user && offers(what, "basic"))
    return answer_once(what, basic(what.credentials));
  return std::nullopt;
}

std::optional<DigestState> DigestSessions::next(std::string_view origin, std::string_view user) {
  const auto session = find(origin, user);
  if (session == sessions_.end()) return std::nullopt;
  DigestState& state = session->state;
  if (state.nonce_count == std::numeric_limits<std::uint32_t>::max()) {
    sessions_.erase(session);
    return std::nullopt;
  }
  ++state.nonce_count;
  sessions_.splice(sessions_.begin(), sessions_, session);
  return state;
}

void DigestSessions::remember(std::string_view origin, std::string_view user, DigestState state) {
  const auto known = find(origin, user);
  if (known != sessions_.end() && known->state.challenge.nonce == state.challenge.nonce) {
    state.nonce_count = std::max(state.nonce_count, known->state.nonce_count);
  }
  sessions_.push_front({std::string(origin), std::string(user), std::move(state)});
  if (known != sessions_.end()) sessions_.erase(known);
  if (sessions_.size() > kMaxDigestSessions) sessions_.pop_back();
}

void DigestSessions::forget(std::string_view origin, std::string_view user) {
  const auto session = find(origin, user);
  if (session != sessions_.end()) sessions_.erase(session);
}

void DigestSessions::note_info(std::string_view origin, std::string_view user, std::string_view info) {
  const auto session = find(origin, user);
  if (session == sessions_.end() || session->state.challenge.session) return;
  while (const auto element = next_list_element(info)) {
    auto parameter = parse_auth_parameter(*element);
    if (!parameter || parameter->first != "nextnonce") continue;
    DigestChallenge& challenge = session->state.challenge;
    const std::size_t others = challenge.realm.size() + challenge.opaque.value_or("").size();
    if (others + parameter->second.size() > kMaxDigestBytes || parameter->second == challenge.nonce) return;
    challenge.nonce = std::move(parameter->second);
    session->state.nonce_count = 0;  // next() makes it 1
    return;
  }
}

DigestSessions::Sessions::iterator DigestSessions::find(std::string_view origin, std::string_view user) {
  return std::find_if(sessions_.begin(), sessions_.end(),
                      [&](const Session& one) { return one.origin == origin && one.user == user; });
}

}  // namespace sluice::rules
