// See login.hpp.
#include "core/proxy/login.hpp"

#include <utility>

#include "core/base/base64.hpp"
#include "core/proxy/way.hpp"
#include "core/rules/challenge.hpp"
#include "core/rules/ntlm.hpp"

namespace sluice::proxy {

namespace {

constexpr std::string_view kChallenge = "Proxy-Authenticate";

// The token of Negotiate; nullopt: there is none. One that cannot be read is "".
std::optional<std::string> proxy_token(const std::vector<rules::Challenge>& challenges) {
  for (const rules::Challenge& one : challenges) {
    if (one.scheme == "negotiate" && !one.token68.empty()) return from_base64(one.token68).value_or("");
  }
  return std::nullopt;
}

}  // namespace

Login::Login(const Proxy& proxy, LoginMemory memory)
    : credentials_{.user = proxy.user, .password = proxy.password, .schemes = proxy.schemes},
      host_(proxy.host),
      name_("proxy " + name_of(proxy)),
      memory_(memory) {
  credentials_.schemes.bearer = false;
  credentials_.negotiate = proxy.negotiate;
  if (!proxy.fields.contains("Proxy-Authorization")) return;
  // The caller's own value is sent instead.
  credentials_.user = credentials_.password = "";
  credentials_.negotiate.reset();
}

bool Login::is_basic() const { return sent_.starts_with("Basic "); }

// Of the schemes that can be used.
bool Login::is_alone(bool its) const {
  const AuthSchemes& schemes = credentials_.schemes;
  const bool others = rules::has_user(credentials_) && (schemes.basic || schemes.digest);
  const bool both = rules::has_user(credentials_) && schemes.ntlm && rules::may_negotiate(credentials_);
  return its && !others && !both;
}

bool Login::begins_by_ntlm() const { return is_alone(credentials_.schemes.ntlm && rules::has_user(credentials_)); }

// The last message of NTLM answers a challenge to its connection, and so do the later tokens of Negotiate.
Again Login::again() const {
  if (step_ == Step::answered || rounds_ > 0 || answers_ == 0) return Again::no;
  if (step_ == Step::none) return is_basic() ? Again::with_basic : Again::yes;
  return scheme_ == rules::LoginScheme::ntlm ? Again::with_ntlm : Again::with_negotiate;
}

std::string Login::begin_ntlm() {
  step_ = Step::begun;
  scheme_ = rules::LoginScheme::ntlm;
  return sent_ = "NTLM " + base64(rules::ntlm_negotiate());
}

// The next token; "": there is none.
Result<std::string> Login::token_after(const std::string& received) { return negotiation_->next(received); }

// False: there is no token.
bool Login::begin_negotiate() {
  negotiation_ = credentials_.negotiate->begin(host_);
  const auto token = token_after({});
  if (!token || token->empty()) return false;
  step_ = Step::begun;
  scheme_ = rules::LoginScheme::negotiate;
  rounds_ = 0;
  sent_ = "Negotiate " + base64(*token);
  return true;
}

Result<std::string> Login::first(const rules::AuthRequest& request, Again asked) {
  answers_ = rounds_ = 0;
  step_ = Step::none;
  digest_.reset();
  sent_.clear();
  if (!has_credentials()) return sent_;
  const AuthSchemes& schemes = credentials_.schemes;
  const bool negotiate = rules::may_negotiate(credentials_), ntlm = schemes.ntlm && rules::has_user(credentials_);
  if (is_alone(negotiate) || (negotiate && asked == Again::with_negotiate)) {
    if (begin_negotiate()) return sent_;
  }
  if (is_alone(ntlm) || (ntlm && asked == Again::with_ntlm)) return begin_ntlm();
  if (!rules::has_user(credentials_)) return sent_;
  if (schemes.digest) digest_ = memory_.digests.next(name_, credentials_.user);
  Credentials used = credentials_;
  if (asked == Again::with_basic && schemes.basic && !digest_) {
    used.schemes = {};
    used.negotiate.reset();
  }
  auto value = rules::first_authorization(used, request, digest_ ? &*digest_ : nullptr);
  if (!value) return std::unexpected(std::move(value.error()));
  sent_ = value->value_or("");
  return sent_;
}

Result<std::optional<std::string>> Login::answer(const ResponseHead& head, const rules::AuthRequest& request, Now now) {
  if (!has_credentials() || step_ == Step::answered) return std::nullopt;
  const auto challenges = rules::challenges_of(head.fields, kChallenge);
  if (step_ == Step::begun) {
    if (scheme_ == rules::LoginScheme::ntlm) return answer_ntlm(challenges, now);
    return answer_negotiate(challenges);
  }
  if (digest_) memory_.digests.forget(name_, credentials_.user);
  rules::Challenged what{.credentials = credentials_,
                         .challenges = challenges,
                         .request = request,
                         .sent = sent_,
                         .sent_digest = digest_ ? &*digest_ : nullptr,
                         .answers = answers_,
                         .may_log_in = true};
  what.has_token = rules::wants_token(what) && begin_negotiate();
  auto answer = rules::answer(what, memory_.random);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return std::nullopt;
  ++answers_;
  if ((*answer)->login == rules::LoginScheme::negotiate) return sent_;
  if ((*answer)->login == rules::LoginScheme::ntlm) return begin_ntlm();
  digest_ = std::move((*answer)->digest);
  if (digest_) memory_.digests.remember(name_, credentials_.user, *digest_);
  sent_ = std::move((*answer)->authorization);
  return sent_;
}

// A challenge without a token refuses the last one.
std::optional<std::string> Login::answer_negotiate(const std::vector<rules::Challenge>& challenges) {
  const auto received = proxy_token(challenges);
  if (!received || received->empty() || answers_ + rounds_ >= rules::kMaxAuthAnswers) return std::nullopt;
  const auto token = token_after(*received);
  if (!token || token->empty()) return std::nullopt;
  ++rounds_;
  return sent_ = "Negotiate " + base64(*token);
}

Result<void> Login::finish(const ResponseHead& head) {
  if (step_ == Step::none || scheme_ != rules::LoginScheme::negotiate) return {};
  step_ = Step::none;
  const auto received = proxy_token(rules::challenges_of(head.fields, kChallenge));
  if (!received) return {};
  std::string why = "its last token is not base64";
  if (!received->empty()) {
    const auto token = token_after(*received);
    if (token && token->empty()) return {};
    why = token ? "its last token leaves the login unfinished" : token.error().context;
  }
  return std::unexpected(make_error(Code::authentication_failed, name_ + ": it has not shown who it is: " + why));
}

Result<std::optional<std::string>> Login::answer_ntlm(const std::vector<rules::Challenge>& challenges, Now now) {
  for (const rules::Challenge& one : challenges) {
    if (one.scheme != "ntlm" || one.token68.empty()) continue;
    const auto message = from_base64(one.token68);
    const auto challenge = rules::parse_ntlm_challenge(message.value_or(""));
    if (!challenge) return std::nullopt;
    rules::NtlmUse use{
        .user = credentials_.user, .password = credentials_.password, .filetime = rules::filetime_of(now.wall)};
    memory_.random.fill(use.client_challenge);
    const auto answer = rules::ntlm_authenticate(*challenge, use);
    if (!answer) return std::unexpected(answer.error());
    step_ = Step::answered;
    return sent_ = "NTLM " + base64(*answer);
  }
  return std::nullopt;
}

}  // namespace sluice::proxy
