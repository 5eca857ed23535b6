// The transfers of an engine: their calls, figures and timers, the bodies that wait for the application, and the one
// way to Done. Leaves to others: which connection one gets (core/pool/), what travels there (carrier.hpp).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/engine/outbox.hpp"
#include "core/flow/transfer.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::engine {

// A transfer with its place in the pool's lists.
struct Job : flow::Transfer, pool::Waiter {
  void recycle();
};

class Jobs {
 public:
  // All must outlive it.
  Jobs(Timers& timers, Outbox& outbox, pool::Scheduler& scheduler)
      : timers_(timers), outbox_(outbox), scheduler_(scheduler) {}
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  Job* find(TransferId id) { return jobs_.find(id); }
  const Job* find(TransferId id) const { return jobs_.find(id); }
  std::size_t running() const { return running_; }

  // Checks everything and puts the transfer into the queue of its endpoint; request and options are moved from then.
  // Errors: as Engine::add.
  Result<TransferId> enlist(Request& request, TransferOptions& options, const EngineOptions& defaults, Now now);
  // The transfer, which is on no connection and in no list of the pool's, goes on with another hop, at once or after
  // its wait. An error ends it; that is left to the caller.
  Result<void> begin_hop(Job& job, flow::NextHop following, std::optional<Error> failure, const EngineOptions& defaults,
                         Now now);
  Result<void> queue_hop(Job& job, const EngineOptions& defaults, Now now);  // its wait is over
  void queue_again(Job& job, Now now);  // at the front: it was served, and that came to nothing
  // The only way to Done. The transfer is on no connection and in no list of the pool's.
  void end(Job& job, Result<void> result, Now now);
  void end_if_delivered(Job& job, Now now);
  // The application wants to hear of it no more. It is done.
  void release(TransferId id);

  // ---- bodies ----
  void add_body(Job& job, Bytes body);  // it is landed. std::bad_alloc: nothing is lost, but the transfer cannot go on
  void keep_landed();                   // the landing buffer is about to be used again
  bool has_lost_bodies() const { return bodies_lost_; }  // some could not be kept
  // Whose body was lost, one each call; nullopt: no more.
  std::optional<TransferId> take_bodiless();
  void announce_upload(Job& job);  // where there is room for more of it. std::bad_alloc: there is no buffer

  // ---- timers ----
  // Of either side, or the end of waiting for the application: that is when a timer that found it waiting runs again.
  // std::bad_alloc, as below: the timer is as it was.
  void note_activity(Job& job, Now now) {
    job.last_activity = now.steady;
    if (job.options.idle_timeout && job.phase() == flow::TransferPhase::active && !timers_.is_set(job.idle_timer)) {
      start_idle_timer(job, now);
    }
  }
  void note_attempt(Job& job, Now now) {  // the first one counts: its time is that of all attempts
    if (job.options.attempts_timeout && !timers_.is_set(job.attempts_timer)) start_attempts_timer(job, now);
  }
  void start_idle_timer(Job& job, Now now);  // where the transfer has one
  // The connect timeout of one that counts on others' dials, where it has one and it does not run yet. Without memory
  // for it the transfer waits as long as those others do.
  void start_connect_timer(Job& job, Now now) { start_connect_timer(job, job.options.connect_timeout, now); }
  void start_connect_timer(Job& job, std::optional<Duration> left, Now now);
  bool has_connect_timer(const Job& job) const { return timers_.is_set(job.connect_timer); }
  void stop_connect_timer(Job& job) { timers_.cancel(job.connect_timer); }
  void start_continue_timer(Job& job, Now now);
  void stop_exchange_timers(Job& job);
  void stop_continue_timer(Job& job) { timers_.cancel(job.continue_timer); }

  // ---- a Done that found no room among the outputs ----
  bool owes() const { return owes_; }
  std::optional<Output> take_owed();

  void check_invariants() const;
  template <class Visit>
  void for_each(Visit&& visit) {
    jobs_.for_each(visit);
  }
  // All that were not received whole end, without memory; the pool counts the others again.
  void give_up(Instant now) noexcept;

 private:
  void enter_queue(Job& job, Now now);
  void disarm(Job& job);
  void start_attempts_timer(Job& job, Now now);

  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  SlotMap<Job, TransferTag> jobs_;
  std::size_t running_ = 0;
  std::vector<TransferId> landed_;  // those with views into the landing buffer
  bool bodies_lost_ = false;
  std::size_t bodiless_ = 0;  // those before this index have their bodies
  bool owes_ = false;
  std::size_t owed_ = 0;  // those before this index owe nothing
};

Error canceled();  // without memory for its text, without it
// What ran out, in words: "not finished within 200 ms, with 17 bytes received".
Error out_of_time(const Job& job, TimerKind kind);
std::string in_ms(Duration duration);

}  // namespace sluice::engine
