// The oracles about failures and about waiting: each failure needs a cause that the scenario contains and that has
// happened on its connection, or a deadline that has passed. Leaves successes to outputs.cpp.
#include <algorithm>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

std::uint64_t Oracles::times(std::string_view fault) const {
  const auto& faults = world_->faults();
  const auto found = faults.find(fault);
  return found == faults.end() ? 0 : found->second;
}

bool Oracles::struck(ConnId conn, std::initializer_list<std::string_view> faults) const {
  const auto& its = world_->faults(conn);
  return std::ranges::any_of(faults, [&](std::string_view fault) { return its.contains(fault); });
}

// An address in the URL is the origin's first one; a route has no address families.
bool Oracles::has_usable_address(const Seen& seen) const {
  const TransferPlan& plan = *seen.plan;
  if (plan.route) return true;
  return plan.literal ? is_of(plan.family, origin_of(seen).addresses.front())
                      : has_family(origin_of(seen), plan.family);
}

// All of these addresses must be refused before connecting fails.
std::size_t Oracles::addresses_to_try(const Seen& seen) const {
  const TransferPlan& plan = *seen.plan;
  if (plan.route || plan.literal) return 1;
  const auto fits = [&](const IpAddress& address) { return is_of(plan.family, address); };
  return static_cast<std::size_t>(std::ranges::count_if(origin_of(seen).addresses, fits));
}

void Oracles::judge_failure(const Seen& seen, const Error& error) {
  if (!seen.removed) {
    judge_retry(seen, error);
    judge_idleness(seen, error);
    const std::size_t unread = world_->arrived_bytes(engine().info(seen.id).conn);
    // With multiplexing no window could be opened any more.
    if (error.code == Code::send_failed && unread > 0 && !multiplexes(seen)) {
      report("answer",
             name(seen) + ": sending has failed, and " + std::to_string(unread) + " bytes of an answer are not read");
    }
  }
  if (is_explained(seen, error)) return;
  report("cause of " + std::string(to_string(error.code)), name(seen) + ": nothing that happened explains " +
                                                               std::string(to_string(error.code)) + " (" +
                                                               error.message() + ')');
}

// What the engine should have sent again itself, and what the error says about it.
void Oracles::judge_retry(const Seen& seen, const Error& error) {
  const TransferPlan& plan = *seen.plan;
  const TransferInfo info = engine().info(seen.id);
  const std::string what = name(seen) + ": " + std::string(to_string(error.code));
  const bool repeatable = is_idempotent(plan.method) && (!plan.upload.is_stream() || plan.upload.rewindable);
  const bool untouched = !seen.head && seen.interims.empty();
  const bool resends = !plan.retries || plan.retries->resends;
  if (error.code == Code::connection_closed && info.reused && info.retries == 0 && repeatable && untouched && resends) {
    report("retry", what + " of a connection that had been used before, and it was not tried again");
  }
  // Of an earlier hop it may come late.
  const bool has_come = seen.arrivals > 0 && !(seen.chain && seen.chain->retries > 0);
  if (error.retry_safe && !is_idempotent(plan.method) && has_come && seen.refusals == 0) {
    report("retry safe", what + " says that a " + plan.method + " may be sent again, and its origin has it");
  }
  const bool was_refused = error.code == Code::malformed_response && seen.refusals > info.retries &&
                           !seen.reset_by_peer && !struck(info.conn, {"nonsense"});
  if (was_refused && !error.retry_safe)
    report("retry safe", what + " of an exchange that was refused does not say that it may be sent again");
  const bool never_sent = error.code == Code::resolve_failed || error.code == Code::connect_failed ||
                          error.code == Code::connect_timeout || error.code == Code::tls_handshake ||
                          error.code == Code::tls_certificate;
  if (never_sent && !error.retry_safe)
    report("retry safe", what + " does not say that no byte of the request was sent");
}

// The idle time counts only while the peer should act, not the application.
void Oracles::judge_idleness(const Seen& seen, const Error& error) {
  if (error.code != Code::idle_timeout) return;
  const TransferPlan& plan = *seen.plan;
  if (seen.held >= limits::kBodyBufferBytes) {
    report("idle", name(seen) + ": " + std::to_string(seen.held) +
                       " bytes wait to be consumed, and it was the peer that was waited for");
  }
  if (multiplexes(seen)) return;  // its bytes may wait for those of other exchanges
  // Nothing else had to be sent: with a declared length there is no framing between the bytes. A response may have
  // ended the upload.
  const bool owed = plan.upload.kind == UploadPlan::Kind::stream_with_length && seen.gives_later &&
                    seen.committed > 0 && seen.committed < plan.upload.bytes;
  const bool still_wanted = !seen.head || (plan.reply.status < 400 && !plan.upload.expects_continue);
  if (owed && still_wanted && !origin_of(seen).tls && engine().progress(seen.id).sent_body_bytes == seen.committed) {
    report("idle", name(seen) + ": bytes of its body were to be supplied, and it was the peer that was waited for");
  }
}

// An end that is not an error. TLS has its own end, which the network does not see.
bool Oracles::end_was_told(const Seen& seen, ConnId conn) const {
  const sim::ConnectRecord* record = world_->record(conn);
  return origin_of(seen).tls || (record && record->end_told);
}

// A removed transfer has no connection that can be asked, and neither has a hop that has ended.
ConnId Oracles::conn_of(const Seen& seen) const {
  if (seen.chain && seen.chain->ended_on) return *seen.chain->ended_on;
  return seen.removed ? seen.last_conn : engine().info(seen.id).conn;
}

bool Oracles::is_explained(const Seen& seen, const Error& error) const {
  const TransferPlan& plan = *seen.plan;
  const Duration age = now() - seen.added_at;
  const ConnId conn = conn_of(seen);
  if (multiplexes(seen) && is_mux_failure(seen, error, conn)) return true;
  switch (error.code) {
    case Code::canceled:
      return seen.removed;
    case Code::rewind_failed:  // the application gives the bytes that it is asked for
    case Code::too_many_redirects:
      return seen.chain && error_of_chain(seen) == error.code;
    case Code::upload_failed:
      return seen.source_failed;
    case Code::resolve_failed:
      return look_up_failed_now(seen) || (plan.literal && !has_usable_address(seen));
    case Code::connect_failed:
      return connect_failed_now(seen);
    case Code::connection_closed:  // before a response began; a reset may look like an end
      return !seen.head && seen.interims.empty() && end_was_told(seen, conn) &&
             struck(conn, {"closed early", "half close", "idle close", "silent close", "abrupt close", "short body",
                           "reset"});
    case Code::truncated:  // a close without notice after a 100
      return end_was_told(seen, conn) &&
             struck(conn, {"closed early", "half close", "short body", "silent close", "reset"});
    case Code::send_failed:
    case Code::receive_failed:
      return struck(
          conn, {"reset", "reset in body", "closed early", "idle close", "silent close", "abrupt close", "short body"});
    case Code::malformed_response:
      return struck(conn, {"two lengths", "bad chunk", "surplus", "second response"});
    case Code::not_http:
      return struck(conn, {"garbage", "surplus"});
    case Code::unexpected_upgrade:
      return struck(conn, {"unasked upgrade"});
    case Code::response_too_large:
      return struck(conn, {"huge head", "too many interims"});
    case Code::tls_handshake:
    case Code::tls_failed:
      return origin_of(seen).tls && struck(conn, {"reset", "closed early", "half close", "idle close"});
    case Code::tls_certificate:
      return origin_of(seen).certificate != sim::Certificate::good;
    case Code::body_too_large:
      return plan.max_body_bytes &&
             std::max(seen.chain ? plan.reply.bytes : seen.reply.size(), received_bytes(plan)) > *plan.max_body_bytes;
    case Code::connect_timeout:
      return plan.connect_timeout && age >= *plan.connect_timeout &&
             was_in_the_making(seen, now() - *plan.connect_timeout);
    case Code::total_timeout:
      return plan.total_timeout && age >= *plan.total_timeout;
    case Code::idle_timeout:
      return plan.idle_timeout && now() - std::max(seen.added_at, world_->last_moved(conn)) >= *plan.idle_timeout;
    case Code::attempts_timeout:  // no plan has one
    case Code::queue_timeout:
    case Code::resolve_timeout:
    case Code::tls_timeout:
    case Code::response_timeout:
    case Code::too_slow:
    case Code::address_forbidden:
    case Code::bind_failed:
    case Code::tls_pin:
    case Code::tls_status:
    case Code::proxy_resolve_failed:  // proxies have their own runs (tests/sim/proxies)
    case Code::tunnel_failed:
    case Code::socks_failed:
    case Code::invalid_url:
    case Code::unsupported_scheme:
    case Code::invalid_request:
    case Code::invalid_option:
    case Code::tls_config:
    case Code::too_many_descriptors:
    case Code::descriptor_too_large:
    case Code::recursive_call:
    case Code::out_of_memory:
    case Code::unsupported_coding:
    case Code::bad_coding:
    case Code::http2_error:
    case Code::http2_stream:
    case Code::authentication_failed:
    case Code::internal:
      return false;
  }
  return false;
}

// ---- which transfers may still wait when nothing more will happen ----

bool Oracles::may_wait_for_ever(const Seen& seen) const {
  if (seen.paused && !seen.plan->read.pause) return true;
  const ConnId conn = engine().info(seen.id).conn;
  const std::vector<ConnId> open = world_->connections();
  const bool was_refused = multiplexes(seen) && !is_riding(seen);
  if (std::ranges::find(open, conn) != open.end() && !was_refused) {
    return seen.silenced || struck(conn, {"stall", "half open", "stall in body", "never"});
  }
  return (!seen.plan->connect_timeout && is_stuck_in_the_making(seen)) || waits_for_room(seen);
}

// Making its connection has not ended, and without a timeout it never will.
bool Oracles::is_stuck_in_the_making(const Seen& seen) const {
  return is_asked_for(asked_host(*seen.plan)) ||
         std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& connect) {
           return !connect.over && is_its(connect, *seen.plan) && (!connect.connected || origin_of(seen).tls);
         });
}

// Every place under a limit is taken by transfers that wait for ever themselves; each of them is checked separately. A
// name without an answer may also hold places for any number of connections.
bool Oracles::waits_for_room(const Seen& seen) const {
  const std::size_t most = kinds_[seen.kind].most, most_in_all = scenario_.max_connections;
  if (most == 0 && most_in_all == 0) return false;
  if (is_any_name_asked_for()) return true;
  return (most != 0 && open_for(*seen.plan) >= most) || (most_in_all != 0 && world_->open_connections() >= most_in_all);
}

void Oracles::at_idle() {
  if (const std::size_t idle = engine().idle_connections()) {
    report("expiry", std::to_string(idle) + " idle connections are kept, and nothing will ever end them");
  }
  for (const Seen& seen : transfers_) {
    if (!seen.added || seen.done || may_wait_for_ever(seen)) continue;
    report("progress", name(seen) + ": nothing will happen any more, it is not done, and nothing holds it up");
  }
}

void Oracles::at_end() {
  const auto left = [&](std::size_t count, const char* what) {
    if (count != 0)
      report("leftovers", std::to_string(count) + " " + what + " are left when all transfers are removed");
  };
  for (const Seen& seen : transfers_) {
    if (seen.added && !seen.done) report("no end", name(seen) + ": removed, and there was no Done");
    if (seen.added && engine().contains(seen.id)) report("leftovers", name(seen) + ": removed, and still there");
  }
  left(engine().running(), "running transfers");
  left(engine().idle_connections(), "idle connections");
  left(engine().connections(), "connections of the engine's");
  left(world_->open_connections(), "connections of the network's");
  check_goodbyes();
  check_names();
  check_turns();
  if (scenario_.reports_events()) {
    const auto running = std::ranges::count_if(world_->resolves(), [](const auto& one) { return !one.over; });
    auto wrong = story_.compare_look_ups(static_cast<std::size_t>(running));
    if (wrong) report("events", *std::move(wrong));
  }
  if (engine().deadline()) report("leftovers", "a deadline is left when all transfers are removed");
  if (happened("bad request")) report("requests", "an origin has got a request that is none");
}

}  // namespace sluice::simtest
