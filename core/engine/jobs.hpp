// The transfers of an engine (as jobs): their begin, their timers, the bodies that wait for the application, and the
// only place where they end. Leaves to others: which connection a transfer gets (core/pool/), and its exchange
// (carrier.hpp).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/counters.hpp"
#include "core/engine/outbox.hpp"
#include "core/engine/pacer.hpp"
#include "core/flow/transfer.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::engine {

// A transfer with its place in the scheduler's lists.
struct Job : flow::Transfer, pool::Waiter {
  void recycle();

  std::unique_ptr<Pace> pace;  // null: it has no limits besides those of its options
};

class Jobs {
 public:
  // All must outlive this object.
  Jobs(Timers& timers, Outbox& outbox, pool::Scheduler& scheduler, Seed seed = {})
      : timers_(timers), outbox_(outbox), scheduler_(scheduler), memory_(seed) {}
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  Job* find(TransferId id) { return jobs_.find(id); }
  const Job* find(TransferId id) const { return jobs_.find(id); }
  std::size_t running() const { return running_; }
  void add_to(Counters& counters) const;         // what it counts
  flow::HopMemory& memory() { return memory_; }  // of all transfers
  Pacer& pacer() { return pacer_; }
  bool has_paces() const { return has_paces_; }  // a transfer has, or has had, limits besides those of its options

  // Checks the request and puts a new transfer into the queue of its endpoint. Moves from request and options on
  // success. Errors: as Engine::add.
  Result<TransferId> enlist(Request& request, TransferOptions& options, const EngineOptions& defaults, Now now);
  // Begins the next hop, at once or after its wait. The transfer must be on no connection and in no list of the
  // scheduler. After an error the caller must end the transfer.
  Result<void> begin_hop(Job& job, flow::NextHop following, std::optional<Error> failure, const EngineOptions& defaults,
                         Now now);
  Result<void> queue_hop(Job& job, const EngineOptions& defaults, Now now);  // the wait of a hop is over
  // The way of the hop has failed, before a byte of its request was sent: it goes through the next proxies.
  Result<void> take_next_way(Job& job, const EngineOptions& defaults, Now now);
  void queue_again(Job& job, Now now);  // at the front of the queue: for a retry
  // Ends the transfer: the only place that makes a Done. It must be on no connection and in no list of the scheduler.
  void end(Job& job, Result<void> result, Now now);
  void end_if_delivered(Job& job, Now now);
  // The application has removed the transfer, which is done.
  void release(TransferId id);

  // ---- bodies ----
  // `body` is in the landing buffer. Throws std::bad_alloc; the transfer must end then. Without codings to undo it is
  // announced.
  void add_body(Job& job, Bytes body);
  // Decodes as much as may wait for the application, and announces it. Errors, with which the transfer must end: as
  // flow::DecodedBody::decode(). Throws std::bad_alloc.
  Result<void> decode(Job& job);
  void keep_landed();  // copies bodies, because the landing buffer will be overwritten
  bool has_lost_bodies() const { return bodies_lost_; }  // some bodies could not be copied
  // A transfer whose body was lost, one for each call; nullopt: no more.
  std::optional<TransferId> take_lost_body();
  void announce_upload(Job& job);  // if there is room. Throws std::bad_alloc if there is no buffer

  // ---- timers ----
  // A byte came or was sent, or the wait for the application is over: then an idle timer that had stopped for that wait
  // runs again. Throws std::bad_alloc, as those below; the timer is then unchanged.
  void note_activity(Job& job, Now now) {
    job.last_activity = now.steady;
    if (job.options.idle_timeout && job.phase() == flow::TransferPhase::active && !timers_.is_set(job.idle_timer)) {
      start_idle_timer(job, now);
    }
  }
  void note_attempt(Job& job, Now now) {  // starts the timer of attempts_timeout with the first attempt
    if (job.options.attempts_timeout && !timers_.is_set(job.attempts_timer)) start_attempts_timer(job, now);
  }
  void start_idle_timer(Job& job, Now now);  // if the transfer has an idle_timeout
  // The connect timeout of a transfer that counts on the dials of others. Does nothing if it runs already or the
  // transfer has none. Without memory for it the transfer waits as long as the others do.
  void start_connect_timer(Job& job, Now now) { start_connect_timer(job, job.options.connect_timeout, now); }
  void start_connect_timer(Job& job, std::optional<Duration> left, Now now);
  void stop_connect_timer(Job& job) { timers_.cancel(job.wait_timer); }
  void start_continue_timer(Job& job, Now now);
  void stop_exchange_timers(Job& job);
  // The transfer has a connection now, or one is begun for it.
  void stop_queue_timer(Job& job) {
    if (job.pace) pacer_.stop_phase(*job.pace);
  }
  // An exchange begins: its rates hold from now on. Throws std::bad_alloc.
  void begin_pace(Job& job, Now now) {
    if (job.pace || pacer_.limits_all()) start_pace(job, now);
  }
  // The rates of all have changed: the new ones hold for an exchange that runs. False: it has none. Throws
  // std::bad_alloc.
  bool change_pace(Job& job, Now now);
  void allow_upload(Job& job);  // as much as its pace lets pass
  // Leaves its endpoint; its hop is placed again after this time (Carrier::backoff_over).
  void wait(Job& job, Duration time, Now now);
  void stop_continue_timer(Job& job) { timers_.cancel(job.continue_timer); }

  // ---- a Done that could not be queued for lack of memory ----
  bool has_deferred() const { return has_deferred_; }
  std::optional<Output> take_deferred();

  void check_invariants() const;
  template <class Visit>
  void for_each(Visit&& visit) const {
    jobs_.for_each(visit);
  }
  // Ends every transfer whose response was not received completely; the scheduler counts the others again. Needs no
  // memory.
  void give_up(Instant now) noexcept;

 private:
  void place(Job& job, std::shared_ptr<const TlsConfig> tls, Now now);
  void leave(Job& job);
  void enter_queue(Job& job, Now now);
  void disarm(Job& job);
  void start_attempts_timer(Job& job, Now now);
  void start_pace(Job& job, Now now);
  void start_queue_timer(Job& job, Now now);
  void report_end(const Job& job, const Result<void>& result);

  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  flow::HopMemory memory_;
  Pacer pacer_{timers_};
  bool has_paces_ = false;
  SlotMap<Job, TransferTag> jobs_;
  std::size_t running_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t succeeded_ = 0;
  std::uint64_t failed_ = 0;
  std::vector<TransferId> landed_;  // transfers with views into the landing buffer
  bool bodies_lost_ = false;
  std::size_t lost_from_ = 0;  // transfers before this index have their bodies
  bool has_deferred_ = false;
  std::size_t deferred_from_ = 0;  // transfers before this index have no unqueued outputs
};

Error no_memory();  // without a text, which would need memory
Error canceled();   // without its text if memory runs out
// The error of a total or attempts timeout: "not finished within 200 ms, with 17 bytes received".
Error out_of_time(const Job& job, TimerKind kind);
// The errors of a phase's timeout and of low_rate: "no connection was free within 200 ms".
Error out_of_phase(const Job& job);
Error too_slow(const Job& job);
// For messages: "200 ms".
std::string in_ms(Duration duration);

}  // namespace sluice::engine
