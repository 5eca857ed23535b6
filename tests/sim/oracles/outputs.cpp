// The oracles about one transfer: its outputs, its bytes and its success. Leaves its requests at the origins to
// requests.cpp, its hops to hops.cpp, and failures to explain.cpp.
#include <algorithm>

#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

namespace {

// Whether a response with that fault has no valid head.
bool spoils_head(sim::OriginFault origin_fault) {
  switch (origin_fault) {
    case sim::OriginFault::garbage:
    case sim::OriginFault::two_lengths:
    case sim::OriginFault::huge_head:
    case sim::OriginFault::too_many_interims:
    case sim::OriginFault::silent_close:
    case sim::OriginFault::unasked_upgrade:
    case sim::OriginFault::never:
      return true;
    case sim::OriginFault::none:
    case sim::OriginFault::short_body:
    case sim::OriginFault::reset_in_body:
    case sim::OriginFault::stall_in_body:
    case sim::OriginFault::surplus:
    case sim::OriginFault::second_response:
    case sim::OriginFault::abrupt_close:
    case sim::OriginFault::bad_chunk:
      return false;
  }
  return false;
}

bool is_as_odd_as_sent(sim::Oddity oddity, const Fields& fields) {
  if (oddity == sim::Oddity::folds) return fields.find("X-Folded") == "one two three";
  if (oddity == sim::Oddity::odd_fields) return fields.find("X(odd) name") == "\x01\x7f";
  return std::ranges::none_of(fields, [](const Field& field) { return field.name.starts_with("X-Dropped"); });
}

}  // namespace

Oracles::Oracles(const Scenario& scenario) : scenario_(scenario) {
  transfers_.resize(scenario.transfers.size());
  for (std::size_t i = 0; i < transfers_.size(); ++i) {
    const TransferPlan& plan = scenario.transfers[i];
    transfers_[i].plan = &plan;
    if (plan.has_hops()) make_chain(transfers_[i]);
    if (reply_has_body(plan))
      transfers_[i].reply = body_of(scenario.seed, plan.number, Direction::reply, plan.reply.bytes);
    transfers_[i].received = received_bytes(plan);
    transfers_[i].upload = body_of(scenario.seed, plan.number, Direction::upload, plan.upload.bytes);
    expects_ |= plan.upload.expects_continue;
    has_unrepeatable_ |= !is_idempotent(plan.method) || plan.upload.is_stream();
    has_mux_ |= scenario.origins[plan.origin].mux.has_value();
    has_deadlines_ |= plan.total_timeout || plan.connect_timeout || plan.idle_timeout;
  }
  list_kinds();
  make_guards();
  // Asking for space uses the landing buffer: its content is moved away.
  looks_at_spaces_ = (scenario.seed % 2 == 0 && !scenario.on.has(Feature::peeks)) || scenario.on.has(Feature::large) ||
                     scenario.on.has(Feature::second_responses);
}

Seen* Oracles::find(std::uint32_t number) {
  const auto found =
      std::ranges::lower_bound(transfers_, number, {}, [](const Seen& seen) { return seen.plan->number; });
  return found != transfers_.end() && found->plan->number == number ? &*found : nullptr;
}

void Oracles::report(std::string oracle, std::string message) {
  if (!finding_) finding_ = Finding{std::move(oracle), std::move(message)};
}

void Oracles::added(Seen& seen, TransferId id) {
  if (!numbers_.emplace(id, seen.plan->number).second) report("ids", name(seen) + " has the id of an earlier one");
  seen.id = id;
  seen.added = true;
  seen.order = ++added_;
  seen.has_cookie = seen.plan->cookies && cookie_hosts_.contains(host_of(origin_of(seen), *seen.plan));
  seen.added_at = seen.queued_at = seen.tried_at = seen.busy_until = now();
  ++running_;
}

void Oracles::removing(Seen& seen) {
  seen.last_conn = engine().info(seen.id).conn;
  seen.removed = true;
  if (!seen.done) cut_short_.insert(seen.last_conn);
}

Seen* Oracles::owner(TransferId id, std::string_view what) {
  const auto found = numbers_.find(id);
  if (found == numbers_.end()) {
    report("ids", std::string(what) + " for an id that no transfer has");
    return nullptr;
  }
  Seen& seen = *find(found->second);
  if (seen.done) report("after the end", name(seen) + ": " + std::string(what) + " after its Done");
  return &seen;
}

Seen* Oracles::on_output(const Output& output) {
  Seen* seen = nullptr;
  if (const auto* interim = std::get_if<output::InterimReady>(&output)) {
    if ((seen = owner(interim->transfer, "InterimReady"))) on_interim(*seen, interim->head);
  } else if (const auto* head = std::get_if<output::HeadReady>(&output)) {
    if ((seen = owner(head->transfer, "HeadReady"))) on_head(*seen);
  } else if (const auto* body = std::get_if<output::BodyReady>(&output)) {
    seen = owner(body->transfer, "BodyReady");
    if (seen && !seen->head) report("order", name(*seen) + ": BodyReady before HeadReady");
    if (seen && engine().body(seen->id).empty()) report("order", name(*seen) + ": BodyReady, and there is no body");
  } else if (const auto* upload = std::get_if<output::UploadReady>(&output)) {
    seen = owner(upload->transfer, "UploadReady");
    if (seen && !seen->plan->upload.is_stream()) report("order", name(*seen) + ": UploadReady without a streamed body");
    if (seen && engine().upload_space(seen->id).empty())
      report("order", name(*seen) + ": UploadReady, and there is no room");
  } else if (const auto* rewind = std::get_if<output::UploadRewind>(&output)) {
    if ((seen = owner(rewind->transfer, "UploadRewind"))) on_rewind(*seen);
  } else if (const auto* hop = std::get_if<output::HopDone>(&output)) {
    if ((seen = owner(hop->transfer, "HopDone"))) on_hop_done(*seen, *hop);
  } else if (const auto* observed = std::get_if<output::Observed>(&output)) {
    if (auto wrong = story_.take(observed->event, now())) report("events", *std::move(wrong));
  } else if (const auto* done = std::get_if<output::Done>(&output)) {
    const auto found = numbers_.find(done->transfer);
    if (found != numbers_.end() && find(found->second)->done) {
      report("two ends", name(*find(found->second)) + ": a second Done");
    } else if ((seen = owner(done->transfer, "Done"))) {
      on_done(*seen, done->result);
    }
  }
  return seen;
}

void Oracles::on_interim(Seen& seen, const ResponseHead& head) {
  if (seen.head) report("order", name(seen) + ": an interim response behind the final head");
  if (head.status < 100 || head.status > 199 || head.status == 101) {
    report("order", name(seen) + ": an interim response with status " + std::to_string(head.status));
  }
  // A 100 comes from the origin itself and a flood has no field; the others have one.
  const auto field = head.fields.find("X-Interim");
  const bool bare = head.status == 100 || seen.plan->reply.origin_fault == sim::OriginFault::too_many_interims;
  const bool good = bare ? !field : field == std::to_string(seen.plan->number);
  if (!good || !head.reason.empty())
    report("interims", name(seen) + ": a " + std::to_string(head.status) + " that is not as it was sent");
  seen.interims.push_back(head.status);
}

void Oracles::on_head(Seen& seen) {
  if (seen.head) report("order", name(seen) + ": a second HeadReady");
  seen.head = true;
  if (seen.removed) return;
  carried_by(seen);
  if (seen.chain) on_head_of_chain(seen, engine().head(seen.id));
  seen.sent_at_head = engine().progress(seen.id).sent_body_bytes;
  judge_first_byte(seen);
  judge_head(seen, engine().head(seen.id));
  if (seen.plan->cookies) cookie_hosts_.insert(host_of(origin_of(seen), *seen.plan));
}

void Oracles::judge_head(const Seen& seen, const ResponseHead& head) {
  if (spoils_head(seen.plan->reply.origin_fault)) {
    report("head", name(seen) + ": a head, status " + std::to_string(head.status) + ", that the origin never gave");
  } else if (head.status != seen.plan->reply.status) {
    report("head", name(seen) + ": status " + std::to_string(head.status) + " instead of " +
                       std::to_string(seen.plan->reply.status));
  } else if (head.fields.find("X-Number") != std::to_string(seen.plan->number)) {
    report("head",
           name(seen) + ": the head is that of " + std::string(head.fields.find("X-Number").value_or("nobody")));
  } else if (head.fields.find("X-Last") != "last of " + std::to_string(seen.plan->number)) {
    report("head", name(seen) + ": its last field is missing");
  } else if (head.reason != (head.status == 200 && !multiplexes(seen) ? "OK" : "")) {
    report("head", name(seen) + ": its reason is \"" + head.reason + '"');
  } else if (!is_as_odd_as_sent(seen.plan->reply.oddity, head.fields)) {
    report("head", name(seen) + ": its odd field is not as it was sent");
  }
}

void Oracles::take(Seen& seen, Bytes bytes) {
  look(seen, bytes);
  seen.taken += bytes.size();
}

void Oracles::look(const Seen& seen, Bytes bytes) {
  if (!seen.head) report("order", name(seen) + ": a body before the head");
  const std::string_view expected =
      std::string_view(seen.reply).substr(std::min(seen.taken, seen.reply.size()), bytes.size());
  if (expected != as_text(bytes)) {
    std::size_t same = 0;
    while (same < expected.size() && expected[same] == as_text(bytes)[same]) ++same;
    report("bytes", name(seen) + ": wrong from byte " + std::to_string(seen.taken + same) + " on, of " +
                        std::to_string(seen.reply.size()));
  }
}

void Oracles::on_done(Seen& seen, const Result<void>& result) {
  seen.done = true;
  seen.ended_at = now();
  if (running_ > 0) --running_;
  seen.succeeded = result.has_value();
  if (!seen.succeeded || seen.plan->reply.early) cut_short_.insert(engine().info(seen.id).conn);
  if (!seen.removed) judge_connection(seen);
  if (!seen.removed) judge_tries(seen);
  if (!seen.removed) judge_end(seen, result);
  if (!seen.removed && seen.chain) judge_last_hop(seen, result);
  if (result) {
    judge_success(seen);
  } else {
    seen.failure = result.error().code;
    judge_failure(seen, result.error());
  }
}

// What is checked at every end.
void Oracles::judge_end(const Seen& seen, const Result<void>& result) {
  const Progress& progress = engine().progress(seen.id);
  if (!engine().is_done(seen.id)) report("end", name(seen) + ": its Done is told, and is_done() denies it");
  if (!progress.done || (*progress.done != now() && !scenario_.on.has(Feature::leaps)))
    report("times", name(seen) + ": done is not now");
  if (!result && result.error().blame != blame_of(result.error().code)) {
    report("blame", name(seen) + ": " + std::string(to_string(result.error().code)) + " is blamed on the " +
                        std::string(to_string(result.error().blame)));
  }
  const auto in_order = [](std::optional<Instant> one, std::optional<Instant> two) {
    return !one || !two || *one <= *two;
  };
  if (!in_order(progress.queued, progress.resolved) || !in_order(progress.resolved, progress.connected) ||
      !in_order(progress.connected, progress.secured) || !in_order(progress.secured, progress.sent) ||
      !in_order(progress.first_byte, progress.done) || !in_order(progress.sent, progress.done)) {
    report("times", name(seen) + ": its times are not in their order");
  }
  if (progress.sent && progress.sent_body_bytes < seen.plan->upload.bytes && !upload_may_stop(seen)) {
    report("figures", name(seen) + ": sent, with " + std::to_string(progress.sent_body_bytes) + " bytes of a body of " +
                          std::to_string(seen.plan->upload.bytes));
  }
}

// Without TLS a response that the end of the connection frames may be shortened unnoticed.
bool Oracles::may_be_cut(const Seen& seen) const {
  const ConnId conn = conn_of(seen);
  return !origin_of(seen).tls && seen.plan->reply.framing == sim::HttpReply::Framing::until_close &&
         end_was_told(seen, conn) && struck(conn, {"closed early", "half close"});
}

// A complete response ends the upload too, and a shortened one may look complete.
bool Oracles::upload_may_stop(const Seen& seen) const {
  return seen.plan->reply.early || (seen.plan->reply.begins_early && may_be_cut(seen));
}

void Oracles::judge_body(const Seen& seen) {
  if (seen.taken == seen.reply.size() || (seen.taken < seen.reply.size() && may_be_cut(seen))) return;
  report("bytes", name(seen) + ": a success with " + std::to_string(seen.taken) + " of " +
                      std::to_string(seen.reply.size()) + " bytes");
}

void Oracles::judge_trailers(const Seen& seen) {
  const Fields& trailers = engine().trailers(seen.id);
  const bool expected = seen.plan->reply.trailers && reply_has_body(*seen.plan);
  const auto found = trailers.find("X-Trailer");
  if (expected ? found == std::to_string(seen.plan->number) && trailers.size() == 1 : trailers.empty()) return;
  report("trailers", name(seen) + ": " + std::to_string(trailers.size()) + " trailers, of which ours says " +
                         std::string(found.value_or("nothing")));
}

void Oracles::judge_figures(const Seen& seen) {
  const Progress& progress = engine().progress(seen.id);
  judge_sizes(seen);
  if (progress.sent_head_bytes == 0 || progress.received_head_bytes == 0)
    report("figures", name(seen) + ": no bytes of a head");
  if (!upload_may_stop(seen) && progress.sent_body_bytes != seen.plan->upload.bytes) {
    report("figures", name(seen) + ": " + std::to_string(progress.sent_body_bytes) + " bytes of a body of " +
                          std::to_string(seen.plan->upload.bytes) + " sent by the engine's count");
  }
}

// The times are in order, and none is before the hop began. After an early response the request may have been
// sent completely later.
void Oracles::judge_times(const Seen& seen) {
  const Progress& progress = engine().progress(seen.id);
  std::optional<Instant> last = progress.queued;
  const auto next = [&](const char* what, std::optional<Instant> at) {
    if (!last || !at || *at < *last)
      report("times", name(seen) + ": " + what + " is missing, or before what comes before it");
    last = at;
  };
  if (progress.queued != seen.queued_at) report("times", name(seen) + ": not queued when its hop began");
  next("resolved", progress.resolved);
  next("connected", progress.connected);
  next("secured", progress.secured);
  if (progress.sent && *progress.sent < *progress.secured)
    report("times", name(seen) + ": sent before it had a connection");
  if (!seen.plan->reply.early && !seen.plan->reply.begins_early) next("sent", progress.sent);
  next("first byte", progress.first_byte);
  next("done", progress.done);
  const TransferInfo info = engine().info(seen.id);
  const Instant connected = *world_->record(info.conn)->connected;
  if (multiplexes(seen) && progress.connected == seen.opened_at) return;  // it had been idle
  if (progress.connected < connected ||
      (!info.reused && connected >= seen.queued_at && progress.connected != connected)) {
    report("times", name(seen) + ": connected is not when its connection was");
  }
}

// Checks TransferInfo.
void Oracles::judge_info(const Seen& seen) {
  const TransferPlan& plan = *seen.plan;
  const TransferInfo info = engine().info(seen.id);
  const OriginPlan& origin = origin_of(seen);
  const sim::ConnectRecord* record = world_->record(info.conn);
  if (!record || record->origin != plan.origin || record->address != info.address) {
    report("info", name(seen) + ": its address is " + info.address.to_string());
  }
  // An earlier attempt may arrive after the one that was answered.
  if ((seen.chain || seen.arrivals == 1) && info.reused != (seen.place > 0)) {
    report("info", name(seen) + ": its connection has carried " + std::to_string(seen.place) +
                       " others, and reused says otherwise");
  }
  if (info.route != (plan.route ? "route " + std::to_string(*plan.route) : ""))
    report("info", name(seen) + ": its route is \"" + info.route + '"');
  if (info.tls_version.empty() == origin.tls || info.tls_cipher.empty() == origin.tls) {
    report("info", name(seen) + ": its version of TLS is \"" + info.tls_version + '"');
  }
  if (info.retries > 0 && info.reused && !multiplexes(seen))
    report("retry", name(seen) + ": tried again on a connection that had been used before");
}

// Checks the connection that carried it, and whether it may be used again.
void Oracles::judge_connection(const Seen& seen) {
  const TransferPlan& plan = *seen.plan;
  const TransferInfo info = engine().info(seen.id);
  if (plan.fresh && info.reused) report("reuse", name(seen) + " asked for a fresh connection");
  if (info.retries > 3) report("twice", name(seen) + ": tried again " + std::to_string(info.retries) + " times");
  const auto [before, is_first] = carried_.emplace(info.conn, Carried{plan.number, seen.kind});
  std::erase(must_stand_, info.conn);  // this transfer may have ended it
  if (info.conn && !is_first) {
    const bool fits = before->second.kind == seen.kind;
    if (!fits)
      report("reuse", name(seen) + " has ridden on the connection of " + std::to_string(before->second.number));
  }
  const bool closes = plan.no_reuse || reply_closes(plan.reply);
  if (seen.succeeded && closes && multiplexes(seen)) doomed_.insert(info.conn);
  if (seen.succeeded && closes && !multiplexes(seen)) must_be_closed_.push_back(info.conn);
  if (seen.succeeded && !closes && may_be_used_again(seen, info.conn, engine().progress(seen.id).sent.has_value()))
    must_stand_.push_back(info.conn);
  if (seen.head && plan.reply.early && plan.reply.status >= 400 && !origin_of(seen).tls &&
      engine().progress(seen.id).sent_body_bytes > seen.sent_at_head) {
    report("early", name(seen) + ": its body was sent on, behind the answer that it is not wanted");
  }
}

void Oracles::judge_interims(const Seen& seen, const TransferPlan& plan) {
  std::vector<int> interims = seen.interims;
  if (plan.upload.expects_continue && !interims.empty() && interims.front() == 100) interims.erase(interims.begin());
  if (interims != plan.reply.interims) report("interims", name(seen) + ": not those that the origin sent");
}

void Oracles::judge_success(Seen& seen) {
  const TransferPlan& plan = *seen.plan;
  if (!seen.head) report("order", name(seen) + ": a success without a head");
  if (origin_of(seen).certificate != sim::Certificate::good)
    report("certificate", name(seen) + ": a success, by a bad certificate");
  if (plan.max_body_bytes && seen.taken > *plan.max_body_bytes)
    report("body limit", name(seen) + ": more than it allows");
  judge_interims(seen, plan);
  if (plan.total_timeout && now() - seen.added_at > *plan.total_timeout && !scenario_.on.has(Feature::leaps)) {
    report("deadline", name(seen) + ": a success after its total timeout");
  }
  const bool has_arrived = seen.chain && seen.chain->shown ? seen.chain->shown->whole : seen.upload_arrived;
  if (plan.upload.bytes > 0 && !upload_may_stop(seen) && !has_arrived) {
    report("upload", name(seen) + ": a success, and its body never reached the origin");
  }
  if (seen.removed) return;  // its getters are empty
  const sim::OriginFault origin_fault = plan.reply.origin_fault;
  const bool leaves_it_whole = origin_fault == sim::OriginFault::none || is_surplus(origin_fault) ||
                               origin_fault == sim::OriginFault::abrupt_close;
  if (!leaves_it_whole && struck(engine().info(seen.id).conn, {to_string(origin_fault)})) {
    report("success",
           name(seen) + ": a success, and the origin admits \"" + std::string(to_string(origin_fault)) + '"');
  }
  judge_body(seen);
  judge_trailers(seen);
  judge_figures(seen);
  judge_times(seen);
  judge_info(seen);
  if (!engine().body(seen.id).empty()) report("bytes", name(seen) + ": a success with bytes that were not consumed");
}

}  // namespace sluice::simtest
