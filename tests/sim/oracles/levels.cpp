// The oracles about states, after every step: counts, limits, deadlines, buffers, and what a driver waits for. Leaves
// outputs to outputs.cpp.
#include <algorithm>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

namespace {
constexpr std::uint64_t kSteps = 16;
}  // namespace

void Oracles::after_step() {
  if (finding_) return;
  if (has_chains_) check_hops();
  check_counts();
  if (scenario_.reports_events()) {
    if (auto wrong = story_.compare(engine().counters())) report("counters", *std::move(wrong));
  }
  check_idle();
  check_limits();
  if (has_deadlines_) check_deadlines();
  check_wake_ups();
  if (expects_) check_continues();
  if (!must_be_closed_.empty()) check_closed();
  if (!must_stand_.empty()) check_kept();
  if (!doomed_.empty()) check_doomed();
  if (has_mux_) check_shared_dials();
  if (scenario_.max_connections != 0 && kinds_.size() > 1) check_yield();
  if (world_->steps() % kSteps == scenario_.seed % kSteps) {  // checks that take long
    check_queue();
    if (has_mux_) check_rooms();
    check_races();
    check_parts();
  }
  check_buffers();
  if (looks_at_spaces_) check_spaces();
  engine().check_invariants();
}

void Oracles::check_counts() {
  if (engine().running() != running_) {
    report("running", std::to_string(engine().running()) + " transfers run by the engine's count, " +
                          std::to_string(running_) + " by ours");
  }
}

// Unused connections must not be kept longer than allowed.
void Oracles::check_idle() {
  if (engine().idle_connections() == 0) return;
  const auto deadline = engine().deadline();
  if (deadline && deadline->at <= now() + scenario_.idle_connection_timeout) return;
  report("expiry", "a connection is idle, and the engine does not mean to close it in time");
}

void Oracles::idle_closed() {
  if (engine().idle_connections() != 0)
    report("expiry", "connections are idle, and all that were have just been closed");
}

// Without a 100 the body waits at least one second after the head was sent.
void Oracles::check_continues() {
  for (const Seen& seen : transfers_) {
    if (!seen.added || seen.done || seen.head || !seen.plan->upload.expects_continue) continue;
    const Progress& progress = engine().progress(seen.id);
    if (progress.sent_body_bytes == 0 || engine().info(seen.id).retries > 0) continue;
    if (std::ranges::find(seen.interims, 100) != seen.interims.end()) continue;
    if (now() < *progress.secured + TransferOptions().continue_timeout)
      report("continue", name(seen) + ": its body goes out, and there was no 100");
  }
}

// Connections that the last steps have made useless must be closed.
void Oracles::check_closed() {
  for (const ConnId conn : world_->connections()) {
    if (std::ranges::find(must_be_closed_, conn) == must_be_closed_.end()) continue;
    report("reuse", "connection " + std::to_string(conn.index) + "." + std::to_string(conn.generation) +
                        " stands, and one side has said that nothing follows");
  }
  must_be_closed_.clear();
}

// The deadline of a transfer has not passed, and the engine has a timer for it.
void Oracles::check_deadlines() {
  const auto deadline = engine().deadline();
  const bool leaps = scenario_.on.has(Feature::leaps);
  const auto check = [&](const Seen& seen, Instant due, const char* what) {
    if (!deadline || deadline->at > due) report("deadline", name(seen) + ": the engine does not wait for its " + what);
    if (now() > due && !leaps) report("deadline", name(seen) + ": it has outlived its " + what);
  };
  for (Seen& seen : transfers_) {
    if (!seen.added || seen.done) continue;
    const TransferPlan& plan = *seen.plan;
    if (plan.total_timeout) check(seen, seen.added_at + *plan.total_timeout, "total timeout");
    const TransferInfo info = engine().info(seen.id);
    if (std::exchange(seen.retries, info.retries) != info.retries) seen.tried_at = now();
    // A second attempt differs from a first one in having its connection.
    const bool is_between = info.retries > 0 && !seen.head && !is_riding(seen);
    note_refused_rest(seen);
    if (may_rest_refused(seen)) seen.tried_at = now();
    if (is_resting(seen) || may_rest_refused(seen)) continue;
    if (plan.connect_timeout && (is_between || !engine().progress(seen.id).secured) && is_unlimited(seen)) {
      check(seen, seen.tried_at + *plan.connect_timeout, "connect timeout");
    }
    if (plan.idle_timeout) check_idle_time(seen);
  }
}

// Without limits no transfer waits before its name is looked up. Transfers that wait for the dials of others have the
// same time, but it begins anew when one of these makes a connection.
bool Oracles::is_unlimited(const Seen& seen) const {
  return scenario_.max_connections == 0 && kinds_[seen.kind].most == 0 &&
         !(scenario_.on.has(Feature::multiplexing) && has_connected(seen));
}

// Any connection of its kind.
bool Oracles::has_connected(const Seen& seen) const {
  return std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& connect) {
    return connect.connected && is_its(connect, *seen.plan);
  });
}

// As far as visible from outside: bytes moved, the application acted, or the transfer waits for the application.
void Oracles::check_idle_time(Seen& seen) {
  const TransferInfo info = engine().info(seen.id);
  const auto rides_since = engine().progress(seen.id).secured;
  // Between two connections the time does not count.
  if (!rides_since || info.retries > 0 || waits_for_application(seen)) {
    seen.busy_until = now();
    return;
  }
  // With other exchanges on the connection only its own bytes count: received ones and those of its request.
  const auto sent = engine().progress(seen.id).sent;
  const Instant moved = multiplexes(seen) && sent ? std::max(*sent, seen.heard_at) : world_->last_moved(info.conn);
  seen.busy_until = std::max({seen.busy_until, *rides_since, moved});
  const auto deadline = engine().deadline();
  const Instant due = seen.busy_until + *seen.plan->idle_timeout;
  if (!deadline || deadline->at > due)
    report("deadline", name(seen) + ": the engine does not wait for its idle timeout");
  if (now() > due && !scenario_.on.has(Feature::leaps))
    report("deadline", name(seen) + ": it has outlived its idle timeout");
}

bool Oracles::waits_for_application(const Seen& seen) const {
  if (!engine().body(seen.id).empty()) return true;
  return seen.plan->upload.is_stream() && (seen.gives_later || seen.committed < seen.plan->upload.bytes);
}

void Oracles::check_buffers() {
  for (Seen& seen : transfers_) {
    if (!seen.added || seen.removed) continue;
    const std::size_t held = engine().body(seen.id).size();
    const std::size_t before = std::exchange(seen.held, held);
    if (!seen.done) check_sent(seen);
    if (multiplexes(seen)) {
      if (held > test::kMuxWindow)
        report("window", name(seen) + ": " + std::to_string(held) + " bytes wait to be consumed");
      if (held > 0 && !seen.done && seen.is_open && is_riding(seen) &&
          !engine().interest(engine().info(seen.id).conn).read)
        report("interest", name(seen) + ": its body waits to be consumed, and nothing is read for its neighbours");
    }
    // Only bytes that come while none wait may fill the landing buffer.
    const std::size_t most = before == 0 || held <= before ? limits::kLandingBytes : limits::kBodyBufferBytes;
    if (held > most + limits::kTlsRecordBytes)
      report("buffers", name(seen) + ": " + std::to_string(held) + " bytes wait to be consumed");
    const bool comes_more = !seen.done && held >= limits::kBodyBufferBytes && seen.taken + held < seen.reply.size();
    if (comes_more && engine().interest(engine().info(seen.id).conn).read) {
      report("interest", name(seen) + ": reading goes on, and " + std::to_string(held) + " bytes wait to be consumed");
    }
    if (!seen.plan->upload.is_stream()) continue;
    if (engine().upload_space(seen.id).size() > limits::kUploadBufferBytes)
      report("buffers", name(seen) + ": too much upload space");
  }
}

// Interest must agree with the space and the bytes to send.
void Oracles::check_spaces() {
  constexpr std::size_t kHead = 8 * 1024;  // longer than every request head here
  for (const ConnId conn : world_->connections()) {
    const Interest interest = engine().interest(conn);
    const OutputView out = engine().transmit(conn);
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < out.count; ++i) waiting += out.spans[i].size();
    const std::string whom = "connection " + std::to_string(conn.index) + "." + std::to_string(conn.generation);
    if (interest.write != !out.empty())
      report("interest", whom + ": interest in writing, and what is to be written, differ");
    if (out.count > 0 && waiting == 0) report("interest", whom + ": views of nothing are to be written");
    std::size_t most = limits::kWireOutBytes + limits::kTlsRecordBytes;
    // With multiplexing requests are sent at the same time, and a refused one again together with the rest of its first
    // sending.
    for (const Seen& seen : transfers_) {
      const std::size_t its = kHead + seen.upload.size();
      most = has_mux_ ? most + its * (1 + static_cast<std::size_t>(seen.refusals)) : std::max(most, its);
    }
    if (waiting > most) report("buffers", whom + ": " + std::to_string(waiting) + " bytes wait to be sent");
    const auto& faults = world_->faults(conn);
    const bool surplus = faults.contains("surplus") || faults.contains("second response");
    const bool spoiled = faults.size() == 1 && surplus && world_->arrived_bytes(conn) == 0;
    if (spoiled) report("reuse", whom + ": it stands, with bytes that nobody asked for");
    if (interest.read != !engine().receive_space(conn).empty())
      report("interest", whom + ": interest in reading, and room, differ");
  }
}

}  // namespace sluice::simtest
