// The oracles about credentials: they go only where they belong, in the form that their options name, and a challenge
// is answered as core/credentials.hpp promises. Leaves to guard.hpp what an origin makes of them.
#include "core/rules/authentication.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

void Oracles::make_guards() {
  for (std::size_t i = 0; i < scenario_.origins.size(); ++i) {
    if (const auto& guard = scenario_.origins[i].guard) guards_.emplace(i, Guard(*guard, i));
  }
}

// SB-01, SB-33: of a transfer that has credentials, what a request to that URL may show of them.
void Oracles::judge_login(const Seen& seen, const Stage& stage, const sim::HttpRequest& request) {
  const LoginPlan& login = *stage.plan.login;
  const std::string* field = request.field("authorization");
  const std::size_t home = seen.chain->stages.front().plan.origin;
  const std::string user = user_of(home), basic = basic_field(user, password_for(stage.plan, home));
  const auto wrong = [&](const char* what) {
    report("login", name(seen) + ": at " + stage.url + " it sends " + (field ? *field : "no credentials") + what);
  };
  if (!field) {
    if (stage.at_home && !login.schemes.digest) wrong(", and needs no challenge for Basic");
    return;
  }
  if (!stage.at_home) return wrong(", and they are not for that origin");
  if (field->starts_with("Digest ")) {
    const bool is_his = field->contains("username=\"" + user + '"');
    if (!login.schemes.digest || !is_his) wrong(", which is not allowed");
    return;
  }
  if (*field != basic || !login.schemes.basic) return wrong(", which is not allowed");
  const auto& guard = scenario_.origins[stage.plan.origin].guard;
  const bool may_be_of_another = stage.plan.follows && stage.plan.follows->trust_other_origins;
  if (login.schemes.digest && (!guard || guard->digest || !stage.plan.guarded) && !may_be_of_another)
    wrong(", and nobody has asked for Basic alone");
}

// Whether the origin refuses the request; then `made` has the challenge.
bool Oracles::is_denied(const Seen& seen, const Stage& stage, const sim::HttpRequest& request, Answered& made) {
  const TransferPlan& plan = stage.plan;
  const auto found = guards_.find(plan.origin);
  const Chain& chain = *seen.chain;
  const bool is_home = plan.origin == chain.stages.front().plan.origin;
  if (!(is_home ? plan.guarded : plan.guarded_everywhere) || found == guards_.end()) return false;
  Guard& guard = found->second;
  Verdict& verdict = made.verdict = guard.judge(request, {plan.number, chain.hops, chain.retries > 0});
  if (!verdict.finding.empty()) report("login", name(seen) + " sends " + verdict.finding);
  const bool is_right = plan.login && plan.login->is_right && is_home;
  const bool is_sent = verdict.sent == Verdict::Sent::basic || verdict.sent == Verdict::Sent::digest;
  const bool is_offered = verdict.sent != Verdict::Sent::basic || scenario_.origins[plan.origin].guard->basic;
  if (is_right && is_sent && is_offered && !verdict.lets_in && !verdict.stale)
    report("login", name(seen) + ": the right credentials are not right");
  if (!is_right && verdict.lets_in) report("login", name(seen) + ": the credentials of somebody else");
  const auto& fields = verdict.lets_in ? (verdict.sent == Verdict::Sent::digest ? guard.info() : Guard::Fields())
                                       : guard.challenge(verdict.stale, plan.number % 2 == 0);
  made.fields.insert(made.fields.end(), fields.begin(), fields.end());
  made.denied = !verdict.lets_in;
  return made.denied;
}

// nullopt: the challenge is not answered.
std::optional<Following> Oracles::after_denial(const Seen& seen, const Answered& answer) const {
  const Chain& chain = *seen.chain;
  const TransferPlan& plan = answer.plan;
  if (!plan.login || !chain.stages[answer.stage].at_home || chain.logins >= rules::kMaxAuthAnswers) return std::nullopt;
  const GuardPlan& guard = *scenario_.origins[plan.origin].guard;
  const AuthSchemes& schemes = plan.login->schemes;
  const Verdict& verdict = answer.verdict;
  if (schemes.digest && guard.digest) {
    const bool was_refused = verdict.sent == Verdict::Sent::digest && chain.logins > 0 && !verdict.stale;
    if (was_refused) return std::nullopt;
  } else {
    const bool may_try = schemes.basic && guard.basic && chain.logins == 0 && verdict.sent != Verdict::Sent::basic;
    if (!may_try) return std::nullopt;
  }
  if (!can_give_again(seen)) return Following{.error = Code::rewind_failed};
  return Following{.next = HopReason::authentication};
}

}  // namespace sluice::simtest
