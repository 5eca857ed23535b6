// See login.hpp.
#include "core/proxy/login.hpp"

#include <utility>

#include "core/base/base64.hpp"
#include "core/proxy/way.hpp"
#include "core/rules/challenge.hpp"
#include "core/rules/ntlm.hpp"

namespace sluice::proxy {

Login::Login(const Proxy& proxy, bool one_connection, LoginMemory memory)
    : credentials_{.user = proxy.user, .password = proxy.password, .schemes = proxy.schemes},
      name_("proxy " + name_of(proxy)),
      one_connection_(one_connection),
      memory_(memory) {
  // The caller's own value is sent instead.
  if (proxy.fields.contains("Proxy-Authorization")) credentials_.user = credentials_.password = "";
  credentials_.schemes.bearer = credentials_.schemes.negotiate = false;
  if (!one_connection) credentials_.schemes.ntlm = false;
}

bool Login::is_basic() const { return sent_.starts_with("Basic "); }

// The last message of NTLM answers a challenge to its connection.
Again Login::again() const {
  if (step_ == Step::answered || answers_ == 0) return Again::no;
  return step_ == Step::begun ? Again::with_ntlm : is_basic() ? Again::with_basic : Again::yes;
}

std::string Login::begin_ntlm() {
  step_ = Step::begun;
  return sent_ = "NTLM " + base64(rules::ntlm_negotiate());
}

Result<std::string> Login::first(const rules::AuthRequest& request, Again asked) {
  answers_ = 0;
  step_ = Step::none;
  digest_.reset();
  sent_.clear();
  if (!has_credentials()) return sent_;
  const AuthSchemes& schemes = credentials_.schemes;
  const bool is_only = schemes.ntlm && !schemes.basic && !schemes.digest;
  if (is_only || (schemes.ntlm && asked == Again::with_ntlm)) return begin_ntlm();
  if (schemes.digest) digest_ = memory_.digests.next(name_, credentials_.user);
  Credentials used = credentials_;
  if (asked == Again::with_basic && schemes.basic && !digest_) used.schemes = {};
  auto value = rules::first_authorization(used, request, digest_ ? &*digest_ : nullptr);
  if (!value) return std::unexpected(std::move(value.error()));
  sent_ = value->value_or("");
  return sent_;
}

Result<std::optional<std::string>> Login::answer(const ResponseHead& head, const rules::AuthRequest& request, Now now) {
  if (!has_credentials() || step_ == Step::answered) return std::nullopt;
  const auto challenges = rules::challenges_of(head.fields, "Proxy-Authenticate");
  if (step_ == Step::begun) return answer_ntlm(challenges, now);
  if (digest_) memory_.digests.forget(name_, credentials_.user);
  auto answer = rules::answer({.credentials = credentials_,
                               .challenges = challenges,
                               .request = request,
                               .sent = sent_,
                               .sent_digest = digest_ ? &*digest_ : nullptr,
                               .answers = answers_,
                               .may_log_in = one_connection_ && !credentials_.user.empty()},
                              memory_.random);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return std::nullopt;
  ++answers_;
  if ((*answer)->login == rules::LoginScheme::ntlm) return begin_ntlm();
  digest_ = std::move((*answer)->digest);
  if (digest_) memory_.digests.remember(name_, credentials_.user, *digest_);
  sent_ = std::move((*answer)->authorization);
  return sent_;
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
