// The oracles about many exchanges on a connection: which transfers wait while it has room, how many connections are
// made for them, and the effects of refusals and windows. Leaves bytes and ends of single transfers to outputs.cpp.
#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

// Connections without TLS get their session when they are connected: at most one has none yet.
bool Oracles::newest_multiplexes() {
  const std::vector<sim::ConnectRecord>& all = world_->connects();
  for (std::size_t i = all.size(); i-- > 0;) {
    const sim::ConnectRecord& record = all[i];
    const bool its = record.connected && !record.over && record.origin && !scenario_.origins[*record.origin].tls;
    if (!its || !with_session_.insert(record.conn).second) continue;
    newest_ = record.conn;
    return scenario_.origins[*record.origin].mux.has_value();
  }
  return false;
}

void Oracles::made(const test::MuxSession& session, bool over_tls) {
  sessions_[&session] = {.conn = over_tls ? ConnId{} : newest_, .number = ++newest_place_.session};
}

Seen* Oracles::seen_of(const Request& request) {
  const std::string_view text = request.fields.find("X-Number").value_or("");
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return find(number);
}

void Oracles::opened(const test::MuxSession& session, const Request& request, bool had_room) {
  Seen* seen = seen_of(request);
  if (!seen) return report("requests", "an exchange is opened that nobody asked for");
  if (!had_room) report("exchanges", name(*seen) + ": its exchange is one more than the peer allows");
  Riding& riding = sessions_[&session];
  if (!riding.conn && seen->added) riding.conn = engine().info(seen->id).conn;
  if (riding.kind.value_or(seen->kind) != seen->kind)
    report("reuse", name(*seen) + " rides on a connection for others");
  if (riding.is_last) report("reuse", name(*seen) + " rides on a connection that another wanted for the last time");
  riding.is_last |= seen->plan->no_reuse;
  riding.kind = seen->kind;
  if (riding.conn) kind_of_.emplace(riding.conn, seen->kind);
  if (seen->was_lost) judge_retry_order(*seen, riding);
  seen->place_before = {riding.number, ++newest_place_.exchange};
  seen->was_lost = false;
  seen->is_open = true;
  seen->opened_at = seen->heard_at = now();
}

// Transfers that lost the same connection and go on together do so in the order in which they were sent before.
void Oracles::judge_retry_order(const Seen& seen, Riding& riding) {
  const Place before = seen.place_before;
  for (const Place& other : riding.again) {
    if (other.session == before.session && other.exchange > before.exchange)
      report("retry order", name(seen) + ": sent again after one that had been sent after it");
  }
  riding.again.push_back(before);
}

void Oracles::heard(const Request& request, bool is_end) {
  Seen* seen = seen_of(request);
  if (!seen) return;
  seen->heard_at = now();
  if (is_end) seen->is_open = false;
}

void Oracles::aborted(const Request& request) {
  Seen* seen = seen_of(request);
  if (!seen) return;
  seen->was_lost = seen->is_open;
  seen->is_open = false;
}

void Oracles::gone(const test::MuxSession& session) { sessions_.erase(&session); }

// ---- at the peer ----

void Oracles::refused(Seen& seen) {
  ++seen.refusals;
  seen.refused_at = now();
  if (seen.done && !seen.removed && !scenario_.on.has(Feature::stale_calls) && seen.succeeded)
    report("refused", name(seen) + ": sent again when it had succeeded");
}

void Oracles::given_up(const Seen& seen) {
  if (!seen.done && !seen.removed) report("exchanges", name(seen) + ": its exchange is given up, and it is not done");
}

void Oracles::window_opened(const Seen& seen, std::size_t in_all) {
  if (in_all > seen.taken)
    report("window", name(seen) + ": its window is opened for " + std::to_string(in_all) + " bytes, and " +
                         std::to_string(seen.taken) + " were consumed");
}

bool Oracles::was_refused_again(const Seen& seen) const {
  if (seen.refusals == 0 || seen.done || seen.removed) return false;
  return engine().info(seen.id).retries > limits::kMaxRetries && seen.opened_at <= seen.refused_at && !seen.is_open;
}

void Oracles::note_refused_rest(Seen& seen) {
  if (!was_refused_again(seen)) return seen.rested_since.reset();
  if (!seen.rested_since) seen.rested_since = now();
}

bool Oracles::may_rest_refused(const Seen& seen) const {
  if (!was_refused_again(seen)) return false;
  const bool leaps = scenario_.on.has(Feature::leaps);  // its timer may be late
  return leaps || !seen.rested_since || now() <= *seen.rested_since + limits::kRefusedDelay;
}

// ---- levels ----

bool Oracles::is_ridden(ConnId conn) const {
  return std::ranges::any_of(
      transfers_, [&](const Seen& seen) { return seen.added && !seen.done && engine().info(seen.id).conn == conn; });
}

// A transfer that needs its own connection, or is sent again, delays those after it if dials are shared.
bool Oracles::is_held_up(const Seen& seen) const {
  return std::ranges::any_of(transfers_, [&](const Seen& other) {
    if (other.kind != seen.kind || !(is_waiting(other) || may_rest_refused(other))) return false;
    const bool was_sent = engine().info(other.id).retries > 0;  // it waits before those that were never sent
    return was_sent || (other.order < seen.order && (other.plan->fresh || is_wary(other)));
  });
}

// No transfer may wait while a connection has room for it. With a total limit others may come first.
void Oracles::check_rooms() {
  if (scenario_.max_connections != 0) return;
  for (const auto& [session, riding] : sessions_) {
    const sim::ConnectRecord* record = world_->record(riding.conn);
    if (!record || session->open_capacity() == 0 || riding.is_last || record->over || record->end_told) continue;
    for (const Seen& seen : transfers_) {
      if (!is_waiting(seen) || seen.kind != riding.kind || seen.plan->fresh || is_wary(seen)) continue;
      if (engine().info(seen.id).retries > 0) continue;
      if (is_held_up(seen)) continue;
      report("queue", name(seen) + " waits, and connection " + std::to_string(riding.conn.index) + "." +
                          std::to_string(riding.conn.generation) + " has room for it");
    }
  }
}

// Waiting transfers share dials that can carry all of them.
void Oracles::check_shared_dials() {
  // Transfers that need their own connections make them, and so do those that must not use a connection that may end.
  if (scenario_.on.has(Feature::fresh) || scenario_.on.has(Feature::name_wrong) || has_unrepeatable_) return;
  std::vector<std::size_t> waiting(kinds_.size());
  for (const Seen& seen : transfers_) {
    if (!seen.added || !multiplexes(seen)) continue;
    // Transfers that have just got an exchange, or ended, have waited too.
    const bool had_turn = seen.opened_at == now() || seen.ended_at == now();
    if (is_waiting(seen) || may_rest_refused(seen) || had_turn) ++waiting[seen.kind];
  }
  waited_.resize(kinds_.size());
  const std::size_t seen_before = std::exchange(connects_seen_, world_->connects().size());
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    const TransferPlan& plan = *kinds_[kind].plan;
    const bool alone = std::ranges::count(kinds_, plan.origin, [](const Kind& it) { return it.plan->origin; }) == 1;
    if (!scenario_.origins[plan.origin].mux || !alone || kinds_[kind].addresses.size() > 1) continue;
    std::size_t dials = 0;
    bool is_new = false, one_stood = false;
    for (std::size_t i = 0; i < connects_seen_; ++i) {
      const sim::ConnectRecord& record = world_->connects()[i];
      if (!is_its(record, plan)) continue;
      one_stood |= record.connected.has_value();
      if (record.connected || record.over) continue;
      ++dials;
      is_new |= i >= seen_before;
    }
    std::size_t& most = waited_[kind];
    const bool none_is_made = dials == 0 && !is_asked_for(asked_host(plan));
    most = none_is_made ? waiting[kind] : std::max(most, waiting[kind]);
    const std::size_t least = std::min(scenario_.mux_expected, scenario_.mux_capacity);
    const std::size_t each = one_stood ? least : scenario_.mux_expected;
    if (!is_new || dials <= 1 || (dials - 1) * each < most) continue;
    report("dials", std::to_string(dials) + " connections are being made for " + std::to_string(most) +
                        " transfers like " + std::to_string(plan.number) + ", and each is counted on for " +
                        std::to_string(each));
  }
}

// After an exchange that must be the last one the connection is closed when the others have ended.
void Oracles::check_doomed() {
  std::erase_if(doomed_, [&](ConnId conn) {
    if (world_->record(conn)->over) return true;
    if (!is_ridden(conn)) {
      report("reuse", "connection " + std::to_string(conn.index) + "." + std::to_string(conn.generation) +
                          " is kept, and one of its exchanges was to be the last");
    }
    return false;
  });
}

// ---- what explains a failure ----

bool Oracles::is_mux_failure(const Seen& seen, const Error& error, ConnId conn) const {
  switch (error.code) {
    case Code::malformed_response: {
      // Refused more often than it is sent again; the given part of a streamed body cannot be given again.
      const bool is_spent = seen.refusals > limits::kMaxRetries + 1 || (seen.refusals > 0 && seen.committed > 0) ||
                            (seen.refusals > 0 && engine().info(seen.id).retries > limits::kMaxRetries);
      return seen.reset_by_peer || is_spent || struck(conn, {"nonsense"});
    }
    case Code::connection_closed:
      return end_was_told(seen, conn) &&
             struck(conn, {"closed early", "half close", "idle close", "closed in a frame", "reset"});
    case Code::idle_timeout:
      return seen.plan->idle_timeout && now() - std::max(seen.added_at, seen.heard_at) >= *seen.plan->idle_timeout;
    case Code::send_failed:
    case Code::receive_failed:
    case Code::tls_failed:
    case Code::tls_handshake:
      return struck(conn, {"closed in a frame"});
    default:
      return false;
  }
}

}  // namespace sluice::simtest
