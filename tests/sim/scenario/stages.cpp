// See stages.hpp.
#include "tests/sim/scenario/stages.hpp"

#include <utility>

#include "core/url.hpp"

namespace sluice::simtest {
namespace {

std::string authority_of(const OriginPlan& origin, const TransferPlan& plan) {
  return host_of(origin, plan) + ':' + std::to_string(origin.port);
}

std::string scheme_of(const OriginPlan& origin) { return origin.tls ? "https:" : "http:"; }

// As Url::text() has it.
std::string normalised(const std::string& url) {
  const auto parsed = Url::parse(url);
  return parsed ? parsed->text() : url;
}

// Whether the request after that status has no body. A method that is always kept counts as POST.
bool loses_body(int status, const TransferPlan& plan) {
  const RedirectOptions& options = *plan.follows;
  const bool is_post = plan.method == "POST" || options.keep_method;
  if (status == 301) return is_post && !options.keep_post_301;
  if (status == 302) return is_post && !options.keep_post_302;
  if (status == 303) return is_post ? !options.keep_post_303 : plan.method != "HEAD" && plan.method != "GET";
  return false;
}

// What a response may be to a request without a body.
void fit(TransferPlan& plan) {
  if (plan.upload.bytes > 0) return;
  plan.reply.early = plan.reply.begins_early = plan.denial.early = false;
}

std::string location_of(const Scenario& scenario, const RedirectPlan& by, const Stage& from, const Stage& to,
                        std::size_t stage) {
  using Form = RedirectPlan::Form;
  const OriginPlan& origin = scenario.origins[to.plan.origin];
  const std::string authority = authority_of(origin, to.plan), path = path_of(to.plan.number, stage);
  const bool same = from.plan.origin == to.plan.origin && from.plan.literal == to.plan.literal;
  const bool same_scheme = scenario.origins[from.plan.origin].tls == origin.tls;
  const std::string end = by.fragment ? "#part-" + std::to_string(stage) : "";
  if (same && by.form == Form::path) return path + end;
  if (same && by.form == Form::relative)
    return (stage == 1 ? std::to_string(to.plan.number) + '/' : "") + std::to_string(stage) + end;
  if (same_scheme && by.form == Form::without_scheme) return "//" + authority + path + end;
  const std::string user = by.form == Form::with_userinfo ? "thief:stolen@" : "";
  return scheme_of(origin) + "//" + user + authority + path + end;
}

// The request that follows `from`.
Stage after(const Scenario& scenario, const TransferPlan& first, const Stage& from, const RedirectPlan& by,
            std::size_t stage) {
  const RedirectOptions& options = *first.follows;
  Stage next = from;
  TransferPlan& plan = next.plan;
  const bool loses = loses_body(by.reply.status, plan);
  plan.origin = by.to;
  plan.literal = by.literal;
  const OriginPlan &before = scenario.origins[from.plan.origin], &origin = scenario.origins[plan.origin];
  // The other name is for the place of the first URL only.
  plan.connect_to = first.connect_to && plan.origin == first.origin && plan.literal == first.literal;
  plan.other_tls = first.other_tls && origin.tls;
  if (loses) {
    plan.upload = {};
    if (!options.keep_method) plan.method = "GET";
  }
  const bool crosses = authority_of(before, from.plan) != authority_of(origin, plan) || before.tls != origin.tls;
  if (crosses && !options.trust_other_origins) next.at_home = false;
  if (!next.at_home) plan.filler = 0;
  next.url = normalised(url_of(origin, plan, stage));
  if (by.fragment) next.fragment = "part-" + std::to_string(stage);
  const bool downgrade = before.tls && !origin.tls;
  next.referer = options.auto_referer && !downgrade ? from.url : "";
  return next;
}

}  // namespace

std::string path_of(std::uint32_t number, std::size_t stage) {
  return '/' + std::to_string(number) + (stage == 0 ? "" : '/' + std::to_string(stage));
}

std::string url_of(const OriginPlan& origin, const TransferPlan& plan, std::size_t stage) {
  return scheme_of(origin) + "//" + authority_of(origin, plan) + path_of(plan.number, stage);
}

std::vector<Stage> stages_of(const Scenario& scenario, const TransferPlan& plan) {
  std::vector<Stage> stages = {{.plan = plan,
                                .at_home = true,
                                .url = normalised(url_of(scenario.origins[plan.origin], plan, 0)),
                                .fragment = {},
                                .referer = {},
                                .location = {}}};
  const std::size_t most = plan.follows ? plan.follows->max_redirects : 0;
  for (std::size_t i = 0; i < plan.redirects.size() && i <= most; ++i) {
    const RedirectPlan& by = plan.redirects[i];
    if (!plan.follows) {
      stages[i].location = stages[i].url;
    } else {
      Stage next = after(scenario, plan, stages[i], by, i + 1);
      stages[i].location = location_of(scenario, by, stages[i], next, i + 1);
      if (i < most) stages.push_back(std::move(next));
    }
    stages[i].plan.reply = by.reply;
  }
  for (Stage& stage : stages) fit(stage.plan);
  for (std::size_t i = 0; i < plan.redirects.size() && i < stages.size(); ++i) {
    stages[i].plan.coded = false;
  }
  return stages;
}

}  // namespace sluice::simtest
