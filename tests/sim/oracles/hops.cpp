// The oracles about the hops of a transfer: each is the one that must follow, after the right wait, and goes to the URL
// that the response named. Leaves to others: what must follow (following.cpp), what is in a request and in a response
// (answers.cpp), and all that is true of a transfer with one hop too.
#include <algorithm>
#include <charconv>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"
#include "tests/support/stored_gzip.hpp"

namespace sluice::simtest {
namespace {

std::string name_of(HopReason reason) {
  constexpr const char* kNames[] = {"the first hop", "a redirect", "an answer to a challenge", "a hop without Expect",
                                    "another try"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::string name_of(const Following& following) {
  if (following.error) return std::string(to_string(*following.error));
  return following.next ? name_of(*following.next) : "nothing";
}

}  // namespace

std::size_t Oracles::received_bytes(const TransferPlan& plan) {
  if (!reply_has_body(plan)) return 0;
  return is_coded(plan) ? test::stored_gzip_bytes(plan.reply.bytes) : plan.reply.bytes;
}

void Oracles::make_chain(Seen& seen) {
  seen.chain = std::make_unique<Chain>();
  Chain& chain = *seen.chain;
  chain.stages = stages_of(scenario_, *seen.plan);
  chain.hops_at.resize(chain.stages.size());
  chain.hops_at.front() = 1;
  seen.plan = &chain.stages.front().plan;
  has_chains_ = true;
}

// ---- heads ----

// The answer that a head belongs to. Null: to none.
const Answered* Oracles::shown_by(const Seen& seen, const ResponseHead& head) {
  const std::string_view text = head.fields.find("X-Answer").value_or("");
  std::size_t number = SIZE_MAX;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (number >= seen.chain->answers.size()) {
    report("hops", name(seen) + ": a head, status " + std::to_string(head.status) + ", that no origin has answered");
    return nullptr;
  }
  const Answered& answered = seen.chain->answers[number];
  if (answered.stage != seen.chain->stage || answered.hops != seen.chain->hops) {
    report("hops", name(seen) + ": the head is the answer to another hop");
    return nullptr;
  }
  return &answered;
}

// The application is told of a response only if no hop follows it.
void Oracles::on_head_of_chain(Seen& seen, const ResponseHead& head) {
  Chain& chain = *seen.chain;
  chain.shown = shown_by(seen, head);
  if (!chain.shown) return;
  const Answered& shown = *chain.shown;
  seen.plan = &shown.plan;
  seen.reply = reply_has_body(shown.plan) ? shown.body : "";
  seen.received = received_bytes(shown.plan);
  seen.place = shown.place;
  const Following following = after_response(seen, shown, engine().progress(seen.id).first_byte.value_or(now()));
  chain.error = following.error;
  if (following.next && following.is_certain)
    report("following", name(seen) + ": told of a response that must be followed by " + name_of(following));
}

void Oracles::on_rewind(Seen& seen) {
  const UploadPlan& upload = seen.plan->upload;
  if (!upload.is_stream() || !upload.rewindable || seen.committed == 0)
    report("rewind", name(seen) + ": its body is asked for again, and cannot be given");
  seen.committed = 0;
}

// ---- a hop ends and another one follows ----

void Oracles::on_hop_done(Seen& seen, const output::HopDone& told) {
  if (!seen.chain) return report("hops", name(seen) + ": it has more than one hop, and asked for one");
  if (seen.removed) return;
  Chain& chain = *seen.chain;
  const std::vector<Hop> hops = engine().hops(seen.id);
  if (hops.size() <= chain.hops) return report("hops", name(seen) + ": a hop has ended, and no other one follows");
  const Hop& ended = hops[chain.hops - 1];
  chain.ended_on = chain.conn;
  note_rest(seen, ended.progress.queued);
  if (ended.status != told.head.status || ended.failure.has_value() != told.failure.has_value())
    report("hops", name(seen) + ": what is told of the end of a hop is not what is kept");
  if (told.failure) {
    const Error& error = *told.failure;
    if (!seen.head && told.head.status != 0) judge_untold_head(seen, told.head);
    if (!is_explained(seen, error)) {
      report("cause of " + std::string(to_string(error.code)),
             name(seen) + ": nothing that happened explains the failure of a hop: " + error.message());
    }
  } else {
    judge_passing_head(seen, told.head);
  }
  judge_record(seen, ended);
  judge_following(seen, told);
  judge_left(seen, ended, told.failure.has_value());
  chain.ended_on.reset();
  chain.tries += static_cast<std::size_t>(ended.retries) + 1;
  if (!finding_) begin_hop(seen, told, hops[chain.hops]);
}

// Of a response that came and failed in one step.
void Oracles::judge_untold_head(Seen& seen, const ResponseHead& head) {
  seen.head = true;
  on_head_of_chain(seen, head);
  if (!seen.chain->shown) return;
  judge_head(seen, head);
  if (seen.plan->cookies) cookie_hosts_.insert(host_of(origin_of(seen), *seen.plan));
}

// Of a response that another hop follows.
void Oracles::judge_passing_head(Seen& seen, const ResponseHead& head) {
  if (seen.head) report("order", name(seen) + ": a hop follows a response that the application was told of");
  const Answered* shown = shown_by(seen, head);
  seen.chain->shown = shown;
  if (!shown) return;
  seen.plan = &shown->plan;
  judge_head(seen, head);
  if (shown->plan.reply.origin_fault != sim::OriginFault::bad_chunk) judge_interims(seen, shown->plan);
  if (seen.plan->cookies) cookie_hosts_.insert(host_of(origin_of(seen), *seen.plan));
}

// What the engine keeps of a hop that has ended.
void Oracles::judge_record(const Seen& seen, const Hop& hop) {
  const Stage& stage = seen.chain->stages[seen.chain->stage];
  if (hop.reason != seen.chain->reason) report("hops", name(seen) + ": a hop is kept with another reason");
  if (hop.method != stage.plan.method) report("hops", name(seen) + ": a hop is kept with the method " + hop.method);
  if (hop.url.text_without_secrets() != stage.full_url())
    report("hops", name(seen) + ": a hop went to " + hop.url.text() + " instead of " + stage.full_url());
  const Progress& progress = hop.progress;
  if (progress.queued != seen.queued_at) report("times", name(seen) + ": a hop is kept with another begin");
  if (progress.done != now() && !scenario_.on.has(Feature::leaps))
    report("times", name(seen) + ": the end of a hop is not now");
  const bool resends = !stage.plan.retries || stage.plan.retries->resends;
  if (hop.retries > (resends ? limits::kMaxRetries : 0))
    report("retry", name(seen) + ": a hop was sent again " + std::to_string(hop.retries) + " times");
  if (progress.sent_body_bytes > stage.plan.upload.bytes)
    report("figures", name(seen) + ": more of its body is sent than there is");
  const Answered* shown = seen.chain->shown;
  if (shown && progress.received_body_bytes > received_bytes(shown->plan))
    report("figures", name(seen) + ": a hop received more than there is");
}

void Oracles::judge_following(Seen& seen, const output::HopDone& told) {
  const Answered* shown = seen.chain->shown;
  if (!told.failure && !shown) return;
  const Instant decided = engine().hops(seen.id)[seen.chain->hops - 1].progress.first_byte.value_or(now());
  const Following wanted = told.failure ? after_failure(seen, *told.failure) : after_response(seen, *shown, decided);
  if (wanted.next != told.next) {
    report("following", name(seen) + ": " + name_of(told.next) + " follows, and it should be " + name_of(wanted));
  }
  if (told.wait < wanted.least || told.wait > wanted.most) {
    report("wait", name(seen) + ": it waits for " + std::to_string(told.wait.count()) + " ns, and should for " +
                       std::to_string(wanted.least.count()) + " to " + std::to_string(wanted.most.count()));
  }
}

// The connection that a hop has left.
void Oracles::judge_left(const Seen& seen, const Hop& hop, bool failed) {
  const ConnId conn = *seen.chain->ended_on;
  if (!conn) return;
  std::erase(must_stand_, conn);
  if (kind_of_.emplace(conn, seen.kind).first->second != seen.kind)
    report("reuse", name(seen) + ": a hop has ridden on a connection for others");
  const TransferPlan& plan = *seen.plan;
  // The idle time may have run out when the end of a whole body was still to come.
  const bool may_be_idle = plan.idle_timeout && plan.reply.begins_early;
  const bool is_cut = failed || may_be_idle || hop.progress.received_body_bytes < received_bytes(plan);
  if (is_cut || plan.reply.early) cut_short_.insert(conn);
  if (failed) return;
  const bool closes = plan.no_reuse || reply_closes(plan.reply);
  if (closes) must_be_closed_.push_back(conn);
  if (!closes && !is_cut && may_be_used_again(seen, conn, hop.progress.sent.has_value())) must_stand_.push_back(conn);
}

void Oracles::begin_hop(Seen& seen, const output::HopDone& told, const Hop& next) {
  Chain& chain = *seen.chain;
  if (told.next == HopReason::redirect) {
    ++chain.redirects;
    ++chain.stage;
  }
  if (told.next == HopReason::retry) ++chain.retries;
  chain.logins = told.next == HopReason::authentication ? chain.logins + 1 : 0;
  chain.reason = told.next;
  ++chain.hops;
  ++chain.hops_at[chain.stage];
  chain.shown = nullptr;
  chain.conn = {};
  const Stage& stage = chain.stages[chain.stage];
  const std::string url = chain.stage == 0 ? next.url.text_without_secrets() : next.url.text();
  if (url != stage.full_url())
    report("hops", name(seen) + ": the next hop goes to " + next.url.text() + " instead of " + stage.full_url());
  seen.plan = &stage.plan;
  seen.kind = chain.kinds[chain.stage];
  seen.head = seen.upload_arrived = seen.was_sent = false;
  seen.interims.clear();
  seen.reply.clear();
  seen.taken = seen.held = 0;
  seen.arrivals = 0;
  seen.retries = 0;
  seen.rides_on = {};
  if (stage.plan.upload.kind == UploadPlan::Kind::none) seen.committed = 0;
  seen.has_cookie = stage.plan.cookies && cookie_hosts_.contains(host_of(origin_of(seen), stage.plan));
  if (next.progress.queued != now() && !scenario_.on.has(Feature::leaps))
    report("times", name(seen) + ": the begin of a hop is not now");
  seen.queued_at = next.progress.queued;
  seen.tried_at = seen.busy_until = now();
  seen.order = ++added_;
  chain.rests_until.reset();
  if (told.wait > Duration::zero()) chain.rests_until = now() + told.wait;
}

// ---- the end ----

void Oracles::judge_last_hop(Seen& seen, const Result<void>& result) {
  const Chain& chain = *seen.chain;
  const std::vector<Hop> hops = engine().hops(seen.id);
  if (hops.size() != chain.hops) {
    return report("hops", name(seen) + ": " + std::to_string(hops.size()) + " hops are kept, and " +
                              std::to_string(chain.hops) + " were told of");
  }
  note_rest(seen, hops.back().progress.queued);
  judge_record(seen, hops.back());
  if (result) {
    if (chain.error)
      report("following", name(seen) + ": a success, and it should be " + std::string(to_string(*chain.error)));
    return;
  }
  const Error& error = result.error();
  if (error.code == Code::canceled || error.code == Code::total_timeout || chain.error == error.code) return;
  const Following wanted = after_failure(seen, error);
  if (wanted.next && wanted.is_certain)
    report("following",
           name(seen) + ": the end by " + std::string(to_string(error.code)) + ", and it may be tried again");
  if (hops.back().progress.first_byte && !seen.head)
    report("following", name(seen) + ": the end of a transfer whose response another hop must follow");
}

// That of its last response, if no hop may follow it. Of a removed transfer no head was seen.
std::optional<Code> Oracles::error_of_chain(const Seen& seen) const {
  const Chain& chain = *seen.chain;
  if (!seen.removed || chain.error || chain.answers.empty()) return chain.error;
  return after_response(seen, chain.answers.back(), now()).error;
}

// ---- after every step ----

void Oracles::check_hops() {
  for (Seen& seen : transfers_) {
    if (!seen.chain || !seen.added || seen.done) continue;
    if (is_resting(seen)) check_rest(seen);
    seen.chain->conn = engine().info(seen.id).conn;
  }
}

// A hop begins when its wait is over, and not before.
void Oracles::check_rest(Seen& seen) {
  const Instant queued = engine().progress(seen.id).queued;
  note_rest(seen, queued);
  if (!is_resting(seen)) return;
  const Instant until = *seen.chain->rests_until;
  if (queued != seen.queued_at) report("wait", name(seen) + ": its next hop begins too early");
  if (engine().info(seen.id).conn) report("wait", name(seen) + ": its next hop has a connection, and must wait");
  const auto deadline = engine().deadline();
  if (!deadline || deadline->at > until) report("deadline", name(seen) + ": the engine does not wait for its next hop");
  if (now() > until && !scenario_.on.has(Feature::leaps))
    report("deadline", name(seen) + ": its next hop should have begun");
}

// `queued`: since when the current hop is in the queue. That is set again when its wait is over.
void Oracles::note_rest(Seen& seen, Instant queued) {
  if (!is_resting(seen) || queued < *seen.chain->rests_until) return;
  if (queued != *seen.chain->rests_until && !scenario_.on.has(Feature::leaps))
    report("wait", name(seen) + ": its next hop begins too late");
  seen.chain->rests_until.reset();
  seen.queued_at = queued;
  seen.tried_at = seen.busy_until = now();
  seen.order = ++added_;
}

}  // namespace sluice::simtest
