// See carrier.hpp. Here: what TransferLimits and the rates of all transfers do to an exchange. Leaves to pacer.hpp: how
// many bytes may pass.
#include <algorithm>
#include <utility>

#include "core/base/memory.hpp"
#include "core/engine/carrier.hpp"

namespace sluice::engine {

using flow::TransferPhase;

bool Carrier::pace_upload(Job& job, Now now) {
  Pacer& pacer = jobs_.pacer();
  pacer.sent_so_far(*job.pace, job.upload.sent(), now);
  if (job.upload.exhausted()) pacer.end_sending(*job.pace);
  if (job.pace->send.credit == 0 || !job.upload.used_up()) return false;
  jobs_.allow_upload(job);
  return true;
}

// Without multiplexing only; dispatch() does it for the others. A byte may be of a head that is not complete.
void Carrier::note_response_byte(const PooledConnection& connection) {
  if (connection.multiplexes || connection.exchanges.empty()) return;
  Job& job = *jobs_.find(connection.exchanges.back().second);
  if (job.pace && connection.session().response_started(job.stream)) jobs_.pacer().stop_phase(*job.pace);
}

// The request is sent, or an interim response has come since.
void Carrier::start_response_timer(Job& job, Now now) {
  if (job.options.limits) jobs_.pacer().start_phase(*job.pace, job.options.limits->response_timeout, now);
}

void Carrier::open_window(const PooledConnection& connection, Job& job, std::size_t bytes, Now now) {
  connection.session().set_time(now.steady);
  if (!job.pace) return connection.session().consumed(job.stream, bytes);
  Pace& pace = *job.pace;
  pace.unconsumed += bytes;
  // As long as the rates give more: what is left has no event that it could wait for, but the timer that they set when
  // they give no more.
  std::size_t opened = 0;
  while (pace.unconsumed > 0 && pace.receive.credit > 0) {
    const std::size_t open = std::min(pace.unconsumed, pace.receive.credit);
    pace.unconsumed -= open;
    opened += open;
    jobs_.pacer().received(pace, open, now);
  }
  if (opened > 0) connection.session().consumed(job.stream, opened);
}

void Carrier::measure_speed(Job& job, Now now) {
  if (job.phase() != TransferPhase::active) return;
  const bool excused = job.pace->is_held() || waits_for_application(*connections_.find(job.conn), job);
  if (job.pace->speed.is_too_slow(job.pace->moved, excused)) return fail(job, too_slow(job), now);
  jobs_.pacer().watch_speed(*job.pace, now);
}

void Carrier::may_receive(TransferId id, Now now) {
  Job* const job = jobs_.find(id);
  if (!job || job->phase() != TransferPhase::active) return;
  PooledConnection& connection = *connections_.find(job->conn);
  if (!connection.multiplexes) return connections_.interest_changed(connection);
  open_window(connection, *job, 0, now);
  settle(connection, now);
}

void Carrier::may_send(TransferId id, Now now) {
  Job* const job = jobs_.find(id);
  if (!job || job->phase() != TransferPhase::active) return;
  PooledConnection& connection = *connections_.find(job->conn);
  jobs_.allow_upload(*job);
  connection.session().upload_changed(job->stream);
  settle(connection, now);
}

void Carrier::pace_timer(Job& job, TimerKind kind, Now now) {
  Pacer& pacer = jobs_.pacer();
  if (kind == TimerKind::phase_timeout) return fail(job, out_of_phase(job), now);
  if (kind == TimerKind::low_rate) return measure_speed(job, now);
  if (kind == TimerKind::rate_receive) {
    pacer.fill_receive(*job.pace, now);
    if (job.pace->receive.credit > 0) may_receive(job.id, now);
  } else {
    pacer.fill_send(*job.pace, now);
    if (job.pace->send.credit > 0) may_send(job.id, now);
  }
}

void Carrier::change_pace(Job& job, Now now) {
  if (job.phase() != TransferPhase::active || !jobs_.change_pace(job, now)) return;
  may_receive(job.id, now);
  may_send(job.id, now);
}

// The field and the options change together, so that later calls know whose field it is; also in the request of the
// next hop, which is made when the head of a response has come. Not while a head that was made of the request may be
// with the server (early.hpp).
void Carrier::set_priority(Job& job, Priority priority, Now now) {
  if (connector_ && connector_->has_early(job)) return;
  const auto before = std::exchange(job.options.priority, priority);
  const auto change = [&](Fields& fields) {
    const auto field = fields.find("Priority");
    const bool is_ours = !field || (before && *field == priority_field(*before));
    if (is_ours && !fields.set("Priority", priority_field(priority))) throw std::bad_alloc();
  };
  change(job.request.fields);
  if (job.next_hop) change(job.next_hop->request.fields);
  if (job.phase() != TransferPhase::active) return;
  PooledConnection& connection = *connections_.find(job.conn);
  if (!connection.multiplexes) return;
  connection.session().set_priority(job.stream, priority);
  settle(connection, now);
}

// If there is no memory for it, this transfer is lost and no other.
template <class Step>
void Carrier::go_on(TransferId id, Step step, Now now) {
  if (has_memory_for(step)) return;
  if (Job* const job = jobs_.find(id)) lose(*job, now);
}

void Carrier::share_rates(TimerKind kind, Now now) {
  const bool receives = kind == TimerKind::rate_receive_all;
  const auto visit = [&](TransferId id) {
    const auto step = [&] { receives ? may_receive(id, now) : may_send(id, now); };
    go_on(id, step, now);
  };
  receives ? jobs_.pacer().share_receive(now, visit) : jobs_.pacer().share_send(now, visit);
}

}  // namespace sluice::engine
