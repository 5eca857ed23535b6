// See authentication.hpp.
#include "core/flow/authentication.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "core/base/base64.hpp"
#include "core/flow/proxy_use.hpp"
#include "core/hash/hash.hpp"
#include "core/netrc.hpp"
#include "core/rules/aws_sigv4.hpp"
#include "core/rules/challenge.hpp"
#include "core/rules/ntlm.hpp"

namespace sluice::flow {

namespace {

constexpr int kUnauthorized = 401;

// As rules::AuthRequest wants it.
std::optional<std::string_view> text_of(const RequestBody& body) {
  if (std::holds_alternative<std::monostate>(body)) return std::string_view();
  if (const auto* view = std::get_if<BodyView>(&body)) return as_text(view->bytes);
  if (const auto* owned = std::get_if<BodyOwned>(&body)) return owned->bytes;
  return std::nullopt;
}

rules::AuthRequest facts_of(const Request& request, const RequestBody& body) {
  return {.method = effective_method(request),
          .target = request.target ? std::string_view(*request.target) : request.url.target(),
          .body = text_of(body)};
}

bool holds_nothing(const Credentials& credentials) {
  return !rules::has_user(credentials) && credentials.bearer.empty() && !rules::may_negotiate(credentials);
}

// The names of the fields that a signature adds, beside Authorization.
std::string signed_field(const rules::AwsSigV4& scope, std::string_view what) {
  return "X-" + scope.provider2 + "-" + std::string(what);
}

// Adds the fields of AWS Signature Version 4.
Result<void> sign(Request& request, const RequestBody& body, const Credentials& credentials, Now now) {
  const auto scope = rules::parse_aws_sigv4(credentials.aws_sigv4);
  if (!scope) return std::unexpected(scope.error());
  const rules::AuthRequest facts = facts_of(request, body);
  auto fields = rules::aws_sigv4_fields({.scope = *scope,
                                         .access_key = credentials.user,
                                         .secret = credentials.password,
                                         .method = facts.method,
                                         .url = request.url,
                                         .target = facts.target,
                                         .fields = request.fields,
                                         .body = facts.body,
                                         .now = now.wall});
  if (!fields) return std::unexpected(std::move(fields.error()));
  for (const Field field : *fields) {
    if (auto added = request.fields.add(field.name, field.value); !added) return added;
  }
  return {};
}

// Removes what sign() has added for another hop.
Result<void> unsign(Request& request, const Credentials& credentials) {
  const auto scope = rules::parse_aws_sigv4(credentials.aws_sigv4);
  if (!scope) return std::unexpected(scope.error());
  request.fields.remove(kAuthorization);
  request.fields.remove(signed_field(*scope, "Date"));
  request.fields.remove(signed_field(*scope, "Content-Sha256"));
  return {};
}

// A digest of all that says whose connection it is.
std::string account_of(const Credentials& credentials) {
  const AuthSchemes& schemes = credentials.schemes;
  std::string text;
  for (const bool allowed : {schemes.basic, schemes.digest, schemes.bearer, schemes.ntlm, schemes.negotiate}) {
    text += allowed ? '1' : '0';
  }
  const std::string identity = rules::may_negotiate(credentials) ? credentials.negotiate->identity() : "";
  for (const std::string* const part : {&credentials.user, &credentials.password, &credentials.bearer, &identity}) {
    text.append(std::to_string(part->size())).append(":").append(*part);
  }
  const hash::Sha256 digest = hash::sha256(text);
  return std::string(as_text(digest));
}

// The login of a hop that may need one; null: no scheme does.
std::unique_ptr<Login> login_for(const Credentials& credentials) {
  const AuthSchemes& schemes = credentials.schemes;
  const bool ntlm = schemes.ntlm && !credentials.user.empty(), negotiate = rules::may_negotiate(credentials);
  if (!(ntlm || negotiate) || !credentials.aws_sigv4.empty()) return nullptr;
  auto login = std::make_unique<Login>();
  login->account = account_of(credentials);
  if (negotiate) login->provider = credentials.negotiate;
  const bool others = (rules::has_user(credentials) && (schemes.basic || schemes.digest)) ||
                      (schemes.bearer && !credentials.bearer.empty());
  if (others || ntlm == negotiate) return login;
  login->scheme = ntlm ? rules::LoginScheme::ntlm : rules::LoginScheme::negotiate;
  login->next = LoginStep::begin;
  return login;
}

// Goes on with a login; for a hop that has another step.
std::unique_ptr<Login> next_step(const Login& login, LoginStep next) {
  auto following = std::make_unique<Login>();
  following->account = login.account;
  following->provider = login.provider;
  following->negotiation = login.negotiation;
  following->tokenless = login.tokenless;
  following->repeated = login.repeated;
  following->scheme = login.scheme;
  following->next = next;
  return following;
}

// The field that goes without a challenge. Returns what it was made of, if it is Digest.
Result<std::unique_ptr<rules::DigestState>> authorize(Request& request, const RequestBody& body,
                                                      const Credentials& credentials, HopMemory& memory, Now now) {
  std::unique_ptr<rules::DigestState> digest;
  if (!credentials.aws_sigv4.empty()) {
    if (auto done = sign(request, body, credentials, now); !done) return std::unexpected(std::move(done.error()));
    return digest;
  }
  if (credentials.schemes.digest) {
    if (auto known = memory.digests.next(request.url.origin(), credentials.user)) {
      digest = std::make_unique<rules::DigestState>(std::move(*known));
    }
  }
  const auto value = rules::first_authorization(credentials, facts_of(request, body), digest.get());
  if (!value) return std::unexpected(value.error());
  if (!*value) return nullptr;
  if (auto set = request.fields.set(kAuthorization, **value); !set) return std::unexpected(std::move(set.error()));
  return digest;
}

// The credentials of the host's entry. `login`: "" is any.
Result<std::optional<Credentials>> from_netrc(const Credentials& credentials, const Url& url, std::string_view login) {
  auto entry = find_in_netrc(*credentials.netrc, url.host(), login.empty() ? std::nullopt : std::optional(login));
  if (!entry) return std::unexpected(std::move(entry.error()));
  if (!*entry) return std::nullopt;
  Credentials found = credentials;
  found.user = std::move((*entry)->login);
  found.password = std::move((*entry)->password);
  found.bearer.clear();  // it is not this host's
  found.negotiate.reset();
  return found;
}

// The credentials for the origin of the URL, after the first hop (SB-01, SB-28, SB-33).
Result<std::optional<Credentials>> credentials_for(const Url& url, const HopEnd& end, bool at_first_origin) {
  const Credentials& credentials = *end.options.credentials;
  const auto& redirects = end.options.redirects;
  const bool trusted = redirects && redirects->trust_other_origins;
  const bool own = !holds_nothing(credentials);
  if (own && (at_first_origin || trusted)) return credentials;
  if (!credentials.netrc) return std::nullopt;
  return from_netrc(credentials, url, {});
}

// The hop that carries this on the connection of the last one.
NextHop with_answer(const HopEnd& end, std::string answer) {
  NextHop following = again(end.request, HopReason::authentication);
  following.login = next_step(*end.login, LoginStep::answer);
  following.login->answer = std::move(answer);
  following.login->conn = end.conn;
  following.same_connection = true;
  return following;
}

// The answer to the challenge of NTLM; nullopt: there is none that can be answered, or the connection, which must carry
// the answer, ends with this response.
Result<std::optional<NextHop>> answer_ntlm(const HopEnd& end) {
  if (!end.conn_stays) return std::nullopt;
  const auto own = credentials_for(end.request.url, end, end.at_first_origin);
  if (!own) return std::unexpected(own.error());
  if (!*own) return std::nullopt;
  for (const rules::Challenge& one : rules::challenges_of(end.head.fields, "WWW-Authenticate")) {
    if (one.scheme != "ntlm" || one.token68.empty()) continue;
    const auto message = from_base64(one.token68);
    const auto challenge = rules::parse_ntlm_challenge(message.value_or(""));
    if (!challenge) return std::nullopt;
    rules::NtlmUse use{
        .user = (*own)->user, .password = (*own)->password, .filetime = rules::filetime_of(end.now.wall)};
    end.memory.random.fill(use.client_challenge);
    const auto answer = rules::ntlm_authenticate(*challenge, use);
    if (!answer) return std::unexpected(answer.error());
    return with_answer(end, "NTLM " + base64(*answer));
  }
  return std::nullopt;
}

// How many challenges of the origin were answered in a row.
std::size_t answers_before(const HopEnd& end) {
  return end.counts.authentications - (end.proxies ? end.proxies->answers() : 0);
}

// The server's token of Negotiate; nullopt: there is none. One that cannot be read is "".
std::optional<std::string> negotiate_token(const ResponseHead& head) {
  for (const rules::Challenge& one : rules::challenges_of(head.fields, "WWW-Authenticate")) {
    if (one.scheme == "negotiate" && !one.token68.empty()) return from_base64(one.token68).value_or("");
  }
  return std::nullopt;
}

// A response to a token of Negotiate: in a 401 the server's token asks for the next one, in any other it is the last.
Result<std::optional<NextHop>> go_on_with_negotiate(const HopEnd& end) {
  const auto token = negotiate_token(end.head);
  if (!token) return std::nullopt;
  if (end.head.status != kUnauthorized) {
    if (auto taken = end.login->take_last_token(*token); !taken) return std::unexpected(std::move(taken.error()));
    return std::nullopt;
  }
  if (!end.conn_stays || token->empty() || answers_before(end) >= rules::kMaxAuthAnswers) return std::nullopt;
  auto answer = end.login->next_token(*token);
  if (!answer) return std::nullopt;
  return with_answer(end, *std::move(answer));
}

// The first message of a login, or the answer to its challenge, has its response.
Result<std::optional<NextHop>> go_on_with_login(const HopEnd& end) {
  const Login& login = *end.login;
  if (login.scheme == rules::LoginScheme::negotiate) return go_on_with_negotiate(end);
  if (login.sent == LoginStep::answer) return std::nullopt;
  if (end.head.status == kUnauthorized) return answer_ntlm(end);
  // No login was needed, but the body was not sent yet (as in curl).
  const bool taken = end.head.status >= 200 && end.head.status < 300;
  if (!taken || !login.withheld_body()) return std::nullopt;
  NextHop following = again(end.request, HopReason::authentication);
  following.login = next_step(login, LoginStep::none);
  return following;
}

}  // namespace

Result<std::unique_ptr<HopCredentials>> authorize_first(Request& request, TransferOptions& options, HopMemory& memory,
                                                        Now now) {
  if (request.fields.contains(kAuthorization)) {
    options.credentials.reset();
    return nullptr;
  }
  Credentials own = *options.credentials;
  if (own.user.empty() && options.send_url_credentials && request.url.has_userinfo()) {
    // The text that is sent is checked by the scheme; this is for what cannot be decoded.
    if (auto sendable = url_credentials(request.url); !sendable) return std::unexpected(std::move(sendable.error()));
    own.user = percent_decode(request.url.user()).value_or("");
    own.password = percent_decode(request.url.password()).value_or("");
  }
  if (own.netrc && own.password.empty() && own.bearer.empty()) {
    auto found = from_netrc(own, request.url, own.user);
    if (!found) return std::unexpected(std::move(found.error()));
    if (*found) {
      (*found)->negotiate = std::move(own.negotiate);
      own = *std::move(*found);
    }
  }
  const bool nothing = holds_nothing(own);
  if (nothing && !own.netrc) {
    options.credentials.reset();
    return nullptr;
  }
  options.credentials = std::make_shared<const Credentials>(std::move(own));
  if (nothing) return nullptr;  // only the schemes count, for other hosts
  auto digest = authorize(request, request.body, *options.credentials, memory, now);
  if (!digest) return std::unexpected(std::move(digest.error()));
  auto login = login_for(*options.credentials);
  if (!*digest && !login) return nullptr;
  return std::make_unique<HopCredentials>(*std::move(digest), std::move(login));
}

Result<std::optional<NextHop>> answer_challenge(const HopEnd& end) {
  if (!end.options.credentials) return std::nullopt;
  if (end.login && end.login->sent != LoginStep::none) return go_on_with_login(end);
  if (end.head.status != kUnauthorized) return std::nullopt;
  const auto credentials = credentials_for(end.request.url, end, end.at_first_origin);
  if (!credentials) return std::unexpected(credentials.error());
  if (!*credentials || !(*credentials)->aws_sigv4.empty()) return std::nullopt;
  const std::string origin = end.request.url.origin();
  const std::string& user = (*credentials)->user;
  if (end.digest) end.memory.digests.forget(origin, user);
  auto login = end.login ? next_step(*end.login, LoginStep::none) : nullptr;
  const auto challenges = rules::challenges_of(end.head.fields, "WWW-Authenticate");
  rules::Challenged what{.credentials = **credentials,
                         .challenges = challenges,
                         .request = facts_of(end.request, end.request.body),
                         .sent = end.request.fields.find(kAuthorization).value_or(""),
                         .sent_digest = end.digest,
                         .answers = answers_before(end),
                         .may_log_in = end.login && end.conn_alone};
  if (rules::wants_token(what)) {
    login->answer = login->first_token(end.request.url.host()).value_or("");
    what.has_token = !login->answer.empty();
  }
  auto answer = rules::answer(what, end.memory.random);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return std::nullopt;
  NextHop following = again(end.request, HopReason::authentication);
  following.login = std::move(login);
  if ((*answer)->login != rules::LoginScheme::none) {
    following.login->scheme = (*answer)->login;
    following.login->next = LoginStep::begin;
    following.login->demanded = true;
    following.request.fields.remove(kAuthorization);
    return following;
  }
  if (auto set = following.request.fields.set(kAuthorization, (*answer)->authorization); !set) {
    return std::unexpected(std::move(set.error()));
  }
  if ((*answer)->digest) {
    end.memory.digests.remember(origin, user, *(*answer)->digest);
    following.digest = std::make_unique<rules::DigestState>(*std::move((*answer)->digest));
  }
  return following;
}

Result<std::optional<NextHop>> answer_proxy(const HopEnd& end) {
  if (!end.proxies) return std::nullopt;
  const auto step = end.proxies->next(end);
  if (!step) return std::unexpected(step.error());
  if (*step == ProxyUse::Step::none) return std::nullopt;
  NextHop following = again(end.request, HopReason::authentication);
  following.same_connection = *step == ProxyUse::Step::same_connection;
  if (end.digest) following.digest = std::make_unique<rules::DigestState>(*end.digest);
  if (end.login) following.login = next_step(*end.login, end.login->next);
  return following;
}

Result<void> authorize_next(NextHop& following, const HopEnd& end) {
  if (!end.options.credentials) return {};
  Request& request = following.request;
  if (end.digest) request.fields.remove(kAuthorization);  // it was for another request
  if (end.login && end.login->next != LoginStep::none) request.fields.remove(kAuthorization);  // for another connection
  if (!end.options.credentials->aws_sigv4.empty()) {
    if (auto done = unsign(request, *end.options.credentials); !done) return done;
  }
  const bool stays = end.at_first_origin && request.url.origin() == end.request.url.origin();
  const auto credentials = credentials_for(request.url, end, stays);
  if (!credentials) return std::unexpected(credentials.error());
  if (!*credentials) return {};
  following.login = login_for(**credentials);
  if (request.fields.contains(kAuthorization)) return {};
  const RequestBody none;
  auto digest = authorize(request, following.same_body ? end.request.body : none, **credentials, end.memory, end.now);
  if (!digest) return std::unexpected(std::move(digest.error()));
  following.digest = *std::move(digest);
  return {};
}

void note_authentication_info(const HopEnd& end) {
  const auto info = end.head.fields.find("Authentication-Info");
  if (!end.digest || !end.options.credentials || !info) return;
  const auto used = credentials_for(end.request.url, end, end.at_first_origin);
  if (used && *used) end.memory.digests.note_info(end.request.url.origin(), (*used)->user, *info);
}

}  // namespace sluice::flow
