// The origins' side of transfers with several hops: what they answer, and of the request what may be sent to them.
// Leaves to others: credentials (challenges.cpp), and what a request of any transfer must have (requests.cpp).
#include <algorithm>

#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

// What comes now is of the current hop. After retries it may be of an earlier one.
bool Oracles::is_present(const Seen& seen, const TransferPlan& plan) {
  return !seen.chain || (&plan == &seen.chain->stages[seen.chain->stage].plan && seen.chain->retries == 0);
}

std::size_t Oracles::arrivals_at(const Seen& seen, std::size_t stage) {
  return static_cast<std::size_t>(std::ranges::count(seen.chain->answers, stage, &Answered::stage));
}

std::string Oracles::own_cookie_of(const Seen& seen, const TransferPlan& plan) {
  if (!plan.secrets) return "";
  const auto stage = std::ranges::find_if(seen.chain->stages, [&](const Stage& one) { return &one.plan == &plan; });
  return stage->at_home ? "own=" + std::to_string(plan.number) : "";
}

// Decides what the origin answers to a request that has just come. Null: as the plan says.
Answered* Oracles::answer(Seen& seen, std::size_t stage, const sim::HttpRequest& request) {
  if (!seen.chain) return nullptr;
  Chain& chain = *seen.chain;
  const Stage& at = chain.stages[stage];
  const std::size_t number = chain.answers.size();
  Answered& made = chain.answers.emplace_back(Answered{.stage = stage, .hops = chain.hops, .plan = at.plan});
  made.place = request.number;
  made.fields = {{"X-Answer", std::to_string(number)}};
  const bool is_last = stage + 1 == chain.stages.size(), is_own = is_last && at.location.empty();
  const auto& retries = at.plan.retries;
  const bool denied = is_denied(seen, at, request, made);
  const bool is_first = !denied && is_last && retries && chain.firsts < retries->first.size();
  if (denied) {
    made.plan.reply = at.plan.denial;
    made.plan.coded = false;
  } else if (is_first) {
    const RetryPlan::First& first = retries->first[chain.firsts++];
    made.plan.reply = first.reply;
    made.plan.coded = false;
    if (!first.retry_after.empty()) made.fields.emplace_back("Retry-After", first.retry_after);
  } else if (!at.location.empty()) {
    made.fields.emplace_back("Location", at.location);
  }
  const std::uint64_t seed = is_own && !is_first && !denied ? scenario_.seed : scenario_.seed + 1 + number;
  made.body = body_of(seed, seen.plan->number, Direction::reply, made.plan.reply.bytes);
  if (stage == chain.stage && !seen.done && !seen.head) seen.plan = &made.plan;
  return &made;
}

// SB-01, SB-02: what only the application's own origin may get, and what every URL gets.
void Oracles::judge_own_fields(const Seen& seen, const Stage& stage, const sim::HttpRequest& request) {
  const std::string number = std::to_string(stage.plan.number);
  const auto check = [&](const char* field, bool wanted, const std::string& value) {
    const std::string* found = request.field(field);
    if (wanted ? found && *found == value : !found) return;
    report("fields", name(seen) + ": at " + stage.url + " its field " + field + " is " +
                         (found ? '"' + *found + '"' : "not there"));
  };
  const bool has_secrets = stage.at_home && stage.plan.secrets;
  check("x-number", stage.at_home, number);
  check("x-secret", has_secrets, "of " + number);
  if (stage.plan.login) {
    judge_login(seen, stage, request);
  } else {
    check("authorization", has_secrets, "Bearer of-" + number);
  }
  check("accept", true, "text/" + number);
  const UploadPlan& upload = stage.plan.upload;
  check("content-type", upload.kind != UploadPlan::Kind::none, "text/" + number);
  // A body that is known to be empty is not announced.
  const bool may_have_bytes = upload.bytes > 0 || upload.kind == UploadPlan::Kind::stream;
  check("expect", upload.expects_continue && may_have_bytes, "100-continue");
  check("referer", !stage.referer.empty(), stage.referer);
}

}  // namespace sluice::simtest
