// What makes further hops of a transfer: redirects, challenges and retries. Each has draws of its own, so that turning
// it off changes nothing else. Leaves what a redirect does to a request to stages.cpp.
#include <algorithm>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/sim/scenario/draw.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A response that is not the last one. Several come before that, so it is smaller.
ReplyPlan draw_passing_reply(Draw& draw, const Scenario& scenario, const TransferPlan& plan, int status) {
  TransferPlan drawn = plan;
  drawn.reply = {};
  draw_reply(draw, scenario, byte_budget(scenario) / 4, drawn);
  drawn.reply.status = status;
  // Most bodies are short enough to be read.
  const bool may_be_long = draw.one_in(3);
  std::size_t& bytes = drawn.reply.bytes;
  if (bytes <= limits::kMaxSkippedBytes || !may_be_long) bytes = std::min<std::size_t>(bytes, 2'000);
  return drawn.reply;
}

// ---- redirects ----

// Origins that only redirects lead to; with TLS one that has none.
void add_places(Scenario& scenario) {
  Draw draw(scenario.seed, kRedirects + 1, scenario.on);
  const std::size_t more = draw.below(3);
  for (std::size_t i = 0; i < more; ++i) {
    OriginPlan place = draw_origin(scenario.seed, scenario.origins.size(), scenario.on);
    const bool is_plain = i == 0 && place.tls;
    if (is_plain) {
      place.tls = false;
      place.port = 8080;
      place.certificate = sim::Certificate::good;
    }
    scenario.origins.push_back(std::move(place));
  }
}

RedirectOptions draw_redirect_options(Draw& draw) {
  RedirectOptions options;
  const auto few = static_cast<std::uint32_t>(draw.below(4));
  options.max_redirects = draw.one_in(4) ? few : 10;
  options.keep_post_301 = draw.one_in(6);
  options.keep_post_302 = draw.one_in(6);
  options.keep_post_303 = draw.one_in(6);
  options.keep_method = draw.one_in(8);
  options.trust_other_origins = draw.one_in(8);
  options.auto_referer = draw.one_in(3);
  return options;
}

RedirectPlan draw_redirect(Draw& draw, const Scenario& scenario, const std::vector<std::size_t>& origins,
                           const TransferPlan& plan, std::size_t from) {
  using Form = RedirectPlan::Form;
  RedirectPlan redirect;
  redirect.form = draw.pick({Form::absolute, Form::with_userinfo, Form::without_scheme, Form::path, Form::relative});
  const std::size_t another = origins[draw.below(origins.size())];
  const std::uint64_t where = draw.below(4);
  redirect.to = where <= 1 ? another : where == 2 ? plan.origin : from;
  const bool by_address = draw.one_in(3), stays_by_address = redirect.to == plan.origin && plan.literal;
  if (!scenario.origins[redirect.to].tls)
    draw.set(Feature::literals, redirect.literal, stays_by_address ? !by_address : by_address);
  redirect.fragment = draw.one_in(5);
  const int status = draw.pick({301, 302, 303, 307, 308, 307});
  redirect.reply = draw_passing_reply(draw, scenario, plan, status);
  return redirect;
}

void draw_redirects(const Scenario& scenario, const std::vector<std::size_t>& origins, TransferPlan& plan) {
  Draw draw(scenario.seed, kRedirects + 1000 + plan.number, scenario.on);
  const bool takes_part = !draw.one_in(3), follows = !draw.one_in(8), is_loop = draw.one_in(6);
  const RedirectOptions options = draw_redirect_options(draw);
  const std::size_t hops = is_loop ? std::min(options.max_redirects + 1, 4u) : draw.between(1, 4);
  std::vector<RedirectPlan> redirects;
  std::size_t from = plan.origin;
  for (std::size_t i = 0; i < hops; ++i) {
    redirects.push_back(draw_redirect(draw, scenario, origins, plan, from));
    from = redirects.back().to;
  }
  const bool has_secrets = !draw.one_in(4), rewindable = draw.one_in(2);
  if (!takes_part) return;
  if (follows) plan.follows = options;
  plan.redirects = std::move(redirects);
  plan.secrets = has_secrets;
  plan.upload.rewindable |= plan.upload.is_stream() && rewindable;
}

// ---- retries ----

RetryOptions draw_retry_options(Draw& draw) {
  RetryOptions options;
  options.max_retries = static_cast<std::uint32_t>(draw.below(4));
  const Duration delay = draw.pick<Duration>({Duration(0), milliseconds(5), milliseconds(700), seconds(20)});
  if (draw.one_in(2)) options.delay = delay;
  const Duration most = milliseconds(draw.size(60'000));
  if (draw.one_in(4)) options.max_time = most;
  options.connection_refused = draw.one_in(2);
  options.all_errors = draw.one_in(2);
  options.all_error_statuses = draw.one_in(3);
  options.after_head = draw.one_in(2);
  options.jitter = !draw.one_in(3);
  return options;
}

// Where breaks are no fault of the scenario they are planned only if they are tried again.
RetryPlan::First draw_first(Draw& draw, const Scenario& scenario, const TransferPlan& plan, bool may_break) {
  using enum sim::OriginFault;
  RetryPlan::First first;
  const int status = draw.pick({503, 503, 429, 500, 502, 504, 404});
  first.reply = draw_passing_reply(draw, scenario, plan, status);
  first.reply.early = first.reply.begins_early = false;
  const std::string after = draw.pick({"0", "1", "7", "100", "1000", "soon"});
  if (draw.one_in(3)) first.retry_after = after;
  const auto fault = draw.pick({silent_close, reset_in_body, short_body, reset_in_body, short_body, garbage});
  const bool breaks = draw.one_in(2), looks_good = draw.one_in(2);
  if (!breaks || !may_break) return first;
  first.reply.origin_fault = fault;
  if (looks_good) first.reply.status = 200;
  return first;
}

void draw_retries(const Scenario& scenario, TransferPlan& plan) {
  Draw draw(scenario.seed, kRetries + plan.number, scenario.on);
  const bool takes_part = !draw.one_in(3);
  RetryPlan retries{.options = draw_retry_options(draw), .first = {}};
  const bool is_patient = draw.one_in(2);  // it is tried again until the end
  const std::uint64_t count = draw.below(4);
  if (is_patient) {
    retries.options.max_retries = std::max(retries.options.max_retries, static_cast<std::uint32_t>(count));
    retries.options.all_errors = retries.options.after_head = true;
    retries.options.max_time.reset();
  }
  const bool may_break =
      (is_patient && (!plan.upload.is_stream() || plan.upload.rewindable)) || draw.has(Feature::origin_faults);
  for (std::uint64_t i = 0; i < count; ++i) retries.first.push_back(draw_first(draw, scenario, plan, may_break));
  const bool rewindable = draw.one_in(2);
  retries.resends = !draw.one_in(6);
  if (!takes_part) return;
  plan.retries = std::move(retries);
  plan.upload.rewindable |= plan.upload.is_stream() && rewindable;
}

// ---- challenges ----

void draw_guard(const Scenario& scenario, std::size_t index, OriginPlan& origin) {
  Draw draw(scenario.seed, kGuards + index, scenario.on);
  GuardPlan guard;
  const std::uint64_t kind = draw.below(4);
  guard.basic = kind != 0;
  guard.digest = kind != 1;
  guard.algorithm =
      draw.pick({hash::Algorithm::md5, hash::Algorithm::md5, hash::Algorithm::sha256, hash::Algorithm::sha512_256});
  guard.qop = !draw.one_in(6);
  const std::size_t uses = draw.between(1, 4);
  if (draw.one_in(2)) guard.nonce_uses = uses;
  guard.stale_every = draw.pick<std::size_t>({0, 0, 0, 1, 2, 2});
  guard.next_nonces = draw.one_in(4);
  if (!origin.mux) origin.guard = guard;
}

void draw_login(const Scenario& scenario, TransferPlan& plan) {
  Draw draw(scenario.seed, kLogins + plan.number, scenario.on);
  const bool takes_part = !draw.one_in(3), is_guarded = !draw.one_in(6), has_login = !draw.one_in(6);
  LoginPlan login;
  login.is_right = !draw.one_in(5);
  login.in_url = draw.one_in(5);
  const std::uint64_t kind = draw.below(3);
  login.schemes = {.basic = kind != 0, .digest = kind != 1};
  const ReplyPlan denial = draw_passing_reply(draw, scenario, plan, 401);
  const bool rewindable = !draw.one_in(4), is_everywhere = draw.one_in(3);
  if (!takes_part) return;
  plan.guarded = is_guarded;
  plan.guarded_everywhere = is_guarded && is_everywhere;
  if (has_login) plan.login = login;
  plan.denial = denial;
  plan.denial.begins_early = false;
  plan.upload.rewindable |= plan.upload.is_stream() && rewindable;
}

}  // namespace

void draw_hops(Scenario& scenario) {
  if (scenario.on.has(Feature::redirects)) add_places(scenario);
  std::vector<std::size_t> origins;
  for (std::size_t i = 0; i < scenario.origins.size(); ++i) {
    if (!scenario.origins[i].mux) origins.push_back(i);
  }
  const bool challenges = scenario.on.has(Feature::challenges);
  for (std::size_t i = 0; challenges && i < scenario.origins.size(); ++i) draw_guard(scenario, i, scenario.origins[i]);
  for (TransferPlan& plan : scenario.transfers) {
    if (scenario.origins[plan.origin].mux) continue;
    if (scenario.on.has(Feature::redirects)) draw_redirects(scenario, origins, plan);
    if (challenges) draw_login(scenario, plan);
    if (scenario.on.has(Feature::retries)) draw_retries(scenario, plan);
    // Whether a stream can be given again must be clear when the response comes.
    const bool is_early = plan.reply.early || plan.denial.early;
    if (plan.has_hops() && plan.upload.is_stream() && is_early) plan.upload.rewindable = true;
  }
}

}  // namespace sluice::simtest
