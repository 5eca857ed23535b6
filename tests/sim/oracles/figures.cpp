// The oracles about the progress of a running transfer, its times and counts, and about the engine's timers: each timer
// must have a purpose. Leaves the end of a transfer to outputs.cpp.
#include <algorithm>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

// At HeadReady. The engine has the world's time, also if the clock jumps.
void Oracles::judge_first_byte(const Seen& seen) {
  const Progress& progress = engine().progress(seen.id);
  // Whether a body can be given again counts when the response has ended.
  const bool is_later = seen.chain && seen.chain->error == Code::rewind_failed;
  if (progress.first_byte != now() && !is_later && !scenario_.on.has(Feature::leaps))
    report("times", name(seen) + ": its first byte is not now");
  if (progress.received_head_bytes == 0) report("figures", name(seen) + ": a head of no bytes");
}

// When a request is complete at its origin.
void Oracles::judge_arrival(const Seen& seen) {
  if (seen.removed || seen.done) return;
  const Progress& progress = engine().progress(seen.id);
  // A request that is sent again begins again, while earlier bytes are still in the network.
  if (engine().info(seen.id).retries > 0 || (seen.chain && seen.chain->retries > 0)) return;
  if (progress.sent_body_bytes != seen.plan->upload.bytes) {
    report("figures", name(seen) + ": all " + std::to_string(seen.plan->upload.bytes) +
                          " bytes of its body are there, " + std::to_string(progress.sent_body_bytes) +
                          " are sent by the engine's count");
  }
  if (!progress.secured || progress.sent_head_bytes == 0)
    report("figures", name(seen) + ": its request is there, and by the engine's count nothing was sent");
}

// At the end: how often it was sent.
void Oracles::judge_tries(const Seen& seen) {
  const TransferInfo info = engine().info(seen.id);
  const std::size_t tries =
      seen.chain ? seen.chain->answers.size() : seen.arrivals + static_cast<std::size_t>(seen.refusals);
  const std::size_t before = seen.chain ? seen.chain->tries : 0;
  const bool resends = !seen.plan->retries || seen.plan->retries->resends;
  const int most = limits::kMaxRetries + (seen.refusals > 0 ? 1 : 0);
  if (info.retries > (resends ? most : 0) || tries > before + static_cast<std::size_t>(info.retries) + 1) {
    report("retry", name(seen) + ": it came " + std::to_string(tries) + " times, and was tried again " +
                        std::to_string(info.retries) + " times by the engine's count");
  }
  const Progress& progress = engine().progress(seen.id);
  // An existing connection needed no time to be made.
  const bool at_once = progress.resolved == progress.connected && progress.connected == progress.secured;
  if (info.reused && progress.secured && !at_once)
    report("times", name(seen) + ": on a connection that had been used, and it has waited for one to be made");
}

// If a request was sent completely, nothing is left to send on a connection with one exchange.
void Oracles::check_sent(Seen& seen) {
  const Progress& progress = engine().progress(seen.id);
  if (progress.sent_body_bytes > seen.plan->upload.bytes)
    report("figures", name(seen) + ": more of its body is sent than there is");
  if (!progress.sent || seen.was_sent || seen.head || multiplexes(seen)) return;
  seen.was_sent = true;
  const TransferInfo info = engine().info(seen.id);
  if (info.early_accepted) return;  // the end of the TLS handshake may still be to be sent
  if (!engine().transmit(info.conn).empty())
    report("times", name(seen) + ": its request counts as sent, and some of it is still to be sent");
  if (seen.plan->upload.is_stream() && seen.committed < seen.plan->upload.bytes)
    report("times", name(seen) + ": its request counts as sent, and not all of its body was supplied");
}

// ---- timers ----

bool Oracles::somebody(const std::function<bool(const Seen&)>& what) const {
  return std::ranges::any_of(transfers_, [&](const Seen& seen) { return seen.added && !seen.done && what(seen); });
}

// Whether the engine may have this deadline.
bool Oracles::is_wanted(const Deadline& deadline) const {
  const Instant at = deadline.at;
  switch (deadline.why) {
    case TimerKind::total_timeout:
      return somebody([&](const Seen& seen) {
        const auto& most = seen.plan->total_timeout;
        return most && (seen.added_at + *most == at || scenario_.on.has(Feature::old_times));
      });
    case TimerKind::connect_timeout:
      // Dials without a sponsor have the time limit of the transfers for which they were begun.
      return is_any_name_asked_for() || world_->open_connections() > 0;
    case TimerKind::idle_timeout:
      return somebody(
          [&](const Seen& seen) { return seen.plan->idle_timeout && at <= now() + *seen.plan->idle_timeout; });
    case TimerKind::continue_timeout:
      return somebody([&](const Seen& seen) {
        return seen.plan->upload.expects_continue && at <= now() + TransferOptions().continue_timeout;
      });
    case TimerKind::connection_expiry:
      return engine().connections() > 0 && at <= now() + scenario_.idle_connection_timeout;
    case TimerKind::address_stagger:
      return engine().connections() > 0 && at <= now() + limits::kAddressStagger;
    case TimerKind::resolution_delay:
      return is_any_name_asked_for() && at <= now() + limits::kResolutionDelay;
    case TimerKind::dial_wait:
      return somebody([&](const Seen& seen) {
        return scenario_.on.has(Feature::multiplexing) && seen.plan->connect_timeout &&
               at <= now() + *seen.plan->connect_timeout;
      });
    case TimerKind::backoff:
      return somebody([&](const Seen& seen) {
        if (may_rest_refused(seen)) return at <= now() + limits::kRefusedDelay;
        return is_resting(seen) && seen.chain->rests_until == at;
      });
    case TimerKind::attempts_timeout:  // no plan has one
    case TimerKind::phase_timeout:
    case TimerKind::dial_phase:
    case TimerKind::low_rate:
    case TimerKind::rate_receive:
    case TimerKind::rate_send:
    case TimerKind::rate_receive_all:
    case TimerKind::rate_send_all:
    case TimerKind::session:  // nor do sessions
      return false;
  }
  return false;
}

// The engine must not have a deadline without a purpose, nor one that passed long ago.
void Oracles::check_wake_ups() {
  if (scenario_.on.has(Feature::leaps) || scenario_.on.has(Feature::old_times)) return;
  const auto deadline = engine().deadline();
  if (!deadline) return;
  if (deadline->at < now()) report("deadline", "the engine's next deadline is in the past");
  if (!is_wanted(*deadline)) {
    report("deadline", "the engine means to be called for reason " + std::to_string(static_cast<int>(deadline->why)) +
                           ", which is nobody's");
  }
}

}  // namespace sluice::simtest
