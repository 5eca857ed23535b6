// perform, socket_action and poll: what is handed in, and how much is done in one go.
#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "adapters/multi/driver.hpp"
#include "adapters/net/socket.hpp"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Beside max_reads_per_perform, what bounds a drive in which applications' callbacks make ever more work.
constexpr std::size_t kSendsForEachRead = 4;
constexpr std::size_t kOutputsForEachRead = 16;

// Of work, in this order: resumes, postponed descriptors, signals, ready descriptors, reads that are to go on, facts, sends. What the
// first of them lead to comes last, and a request goes out after what waited on its connection was read.
constexpr unsigned kSources = 7;

// What poll() fetched so short a time ago is what there is: asking the system again would cost a call for each perform.
constexpr Duration kFreshFor = std::chrono::microseconds(100);

// In times of a drive: a loop that has not looked at its timers for so long is given up on, or is called again and again without them.
constexpr int kTimerWithin = 4;

int to_poll_timeout(milliseconds wait) {
  return static_cast<int>(std::clamp<milliseconds::rep>(wait.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace

// Inside of a drive or a callback. What came too early may have been a loop's one-shot timer, which is told again when this is over.
bool Multi::Impl::refuse() {
  if (busy_ && !reporting_) timer_spent_ = true;
  return busy_;
}

void Multi::Impl::begin() {
  busy_ = true;
  driving_ = true;
  now_ = environment_.now();
  drive_until_ = now_.steady + max_time_;
  progressed_ = false;
  ++drive_;
  asked_ = looked_ = false;
  if (signals_) signals_->attend();
  reads_left_ = max_reads_;
  sends_left_ = max_reads_ * kSendsForEachRead;
  outputs_left_ = max_reads_ * kOutputsForEachRead;
}

Drive Multi::Impl::end(Drive answer, int* running) {
  driving_ = false;
  if (signals_) signals_->leave();
  busy_ = false;
  {
    const Flag busy(busy_);
    report_timer();
  }
  if (running) *running = static_cast<int>(transfers_.running());
  return answer;
}

// What the drive had in hand is lost: a signal, an event that is told once. The next one tries every stream instead.
Drive Multi::Impl::cut_short(int* running) {
  try_all_ = true;
  return end(Drive::failed, running);
}

void Multi::Impl::queue_all() {
  signaled_.make_room(connections_.all().size());
  for (multi::Connection& connection : connections_.all()) {
    if (!connection.id) continue;
    connection.send_queued = connection.read_queued = false;
    connection.write_blocked = !connection.opening;  // so that its turn to send comes as well
    if (!std::exchange(connection.signal_queued, true)) signaled_.push(connection.id);
  }
  try_all_ = false;
}

Drive Multi::Impl::perform(int* running) {
  if (refuse()) return Drive::recursive_call;
  begin();
  timer_spent_ = true;  // it may be the answer to it
  poll_failed_ = false;
  asked_ = true;
  burst_spent_ = false;
  const bool fresh = waiter_->has_ready() && now_.steady - polled_at_ < kFreshFor;
  bool complete = work(!fresh || waiter_->batch_was_full());
  complete = run_timers() && complete;
  if (poll_failed_) return end(Drive::failed, running);
  return end(complete ? Drive::ok : Drive::call_again, running);
}

// A loop hands in one descriptor after another before it looks at its own timers again, so together they are held to the time of
// one drive: what comes later in the burst is kept until the timer, which is reported as due. One that is handed in again because the
// answer was call_again begins another burst, and so does whatever comes when no timer has come for long.
void Multi::Impl::join_burst(int fd) {
  const bool goes_on = burst_spent_ || now_.steady - burst_ended_ < kFreshFor;
  if (fd != again_fd_ && goes_on && now_.steady < burst_until_ + kTimerWithin * max_time_) {
    drive_until_ = burst_until_;
    progressed_ = true;
  } else {
    burst_until_ = drive_until_;
    burst_spent_ = false;
  }
}

Drive Multi::Impl::socket_action(int fd, std::uint8_t events, int* running) {
  if (fd == kNoSocket ? refuse() : busy_) return Drive::recursive_call;
  begin();
  if (fd == kNoSocket) {
    timer_spent_ = true;
    burst_until_ = drive_until_;
    burst_spent_ = false;
  } else {
    join_burst(fd);
  }
  bool complete = settle();
  if (const multi::Watch* watch = fd == kNoSocket ? nullptr : watches_.find(fd)) {
    // One that has to wait is kept: a loop that goes by edges will not say it again.
    complete = complete && !late();
    if (complete) {
      complete = dispatch(fd, events, watch->owner);
    } else {
      watches_.postpone(fd, events);
    }
  }
  complete = complete && work(false);
  if (fd != kNoSocket && !complete) burst_spent_ = true;
  complete = run_timers() && complete;
  again_fd_ = complete ? kNoSocket : fd;
  const Drive answer = end(complete ? Drive::ok : Drive::call_again, running);
  burst_ended_ = environment_.steady();
  return answer;
}

// False: stopped for fairness. Then another source has the first turn: none may use up all of every drive.
bool Multi::Impl::work(bool fetch) {
  if (!settle()) return false;
  if (timers_put_off_ && !run_timers()) return false;
  // Those of before this drive; what is resumed meanwhile waits for the next.
  transfers_.take_resumes(resumed_);
  for (unsigned turn = 0; turn < kSources; ++turn) {
    if (take_from((first_source_ + turn) % kSources, fetch)) continue;
    first_source_ = (first_source_ + 1) % kSources;
    return false;
  }
  first_source_ = 0;
  return true;
}

bool Multi::Impl::take_from(unsigned source, bool fetch) {
  switch (source) {
    case 0:
      return take_resumes();
    case 1:
      return take_postponed();
    case 2:
      return take_signals();
    case 3:
      return take_ready(fetch);
    case 4:
      return take_reads();
    case 5:
      return take_facts();
    default:
      return take_sends();
  }
}

bool Multi::Impl::take_resumes() {
  while (!resumed_.empty()) {
    if (spent()) return false;
    progressed_ = true;
    deliver_resume(resumed_.pop());
    now_ = environment_.now();
  }
  return settle();
}

bool Multi::Impl::take_signals() {
  if (signals_ && !signals_->take(given_)) try_all_ = true;
  signaled_.make_room(given_.size());
  while (!given_.empty()) {
    const ConnId conn = given_.pop();
    multi::Connection* const connection = connections_.find(conn);
    if (connection && !std::exchange(connection->signal_queued, true)) signaled_.push(conn);
  }
  if (try_all_) queue_all();
  while (!signaled_.empty()) {
    if (spent()) return false;
    make_room();
    const ConnId conn = signaled_.pop();
    multi::Connection* const connection = connections_.find(conn);
    if (!connection) continue;
    connection->signal_queued = false;
    now_ = environment_.now();
    progressed_ = true;
    if (!advance(conn, kEventRead | kEventWrite)) return false;
  }
  return true;
}

bool Multi::Impl::take_postponed() {
  while (watches_.has_postponed()) {
    if (spent()) return false;
    make_room();
    const Ready ready = watches_.take_postponed();
    const multi::Watch* watch = watches_.find(ready);
    if (watch && !dispatch(ready.fd, ready.events, watch->owner)) return false;
  }
  return true;
}

bool Multi::Impl::take_ready(bool fetch) {
  for (;;) {
    if (!waiter_->has_ready()) {
      if (fetch) {
        poll_failed_ = waiter_->look() != 0;
        if (waiter_->take_woken()) woken_ = true;
        fetch = waiter_->batch_was_full();
      }
      if (!waiter_->has_ready()) {
        looked_ = asked_;
        return true;
      }
    }
    while (waiter_->has_ready()) {
      if (spent()) return false;
      make_room();
      const auto ready = waiter_->next();
      const multi::Watch* watch = ready ? watches_.find(*ready) : nullptr;
      if (watch && !dispatch(ready->fd, ready->events, watch->owner)) return false;
    }
  }
}

bool Multi::Impl::take_reads() {
  while (!reads_.empty()) {
    if (spent()) return false;
    make_room();
    const ConnId conn = reads_.pop();
    multi::Connection* connection = connections_.find(conn);
    if (!connection) continue;
    connection->read_queued = false;
    if (!read(conn)) return false;
  }
  return true;
}

// Those of before: an application that tries again at once what has failed at once has its next turn in the next drive.
bool Multi::Impl::take_facts() {
  for (std::size_t left = resolver_->answers(); left > 0; --left) {
    if (late()) return false;
    make_room();
    auto answer = resolver_->next_answer();
    if (!answer) break;  // canceled meanwhile
    engine_.handle_resolved(answer->id, std::move(answer->found), now_);
    if (!settle()) return false;
  }
  for (std::size_t left = facts_.size(); left > 0; --left) {
    if (late()) return false;
    make_room();
    Fact fact = facts_.pop();
    to_refresh_ = fact.conn;
    if (fact.error) {
      engine_.handle_io_error(fact.conn, std::move(*fact.error), now_);
    } else {
      engine_.handle_connected(fact.conn, now_);
    }
    if (!settle()) return false;
  }
  return true;
}

bool Multi::Impl::take_sends() {
  while (!sends_.empty()) {
    if (sends_left_ % kUnlookedAt == 0) now_ = environment_.now();
    if (sends_left_ == 0 || late()) return false;
    make_room();
    const ConnId conn = sends_.pop();
    multi::Connection* connection = connections_.find(conn);
    if (!connection) continue;
    connection->send_queued = false;
    const bool look = must_look(*connection);
    if (look) connection->may_read = true;
    if (look && !read(conn)) {
      if ((connection = connections_.find(conn))) queue_send(*connection);
      return false;
    }
    send(conn);
    if (!settle()) return false;
  }
  return true;
}

// Last, so that what came in time is not held against its deadline, and also after an early stop, so that a flood
// cannot put deadlines off: when outputs are in the way, they come first in the next drive. False: what comes out of them is not all taken.
bool Multi::Impl::run_timers() {
  if (const auto due = environment_.upkeep_due(); due && *due <= now_.steady) environment_.do_upkeep();
  timers_put_off_ = engine_.has_output();
  if (timers_put_off_) return false;
  now_ = environment_.now();
  if (const auto deadline = engine_.deadline(); deadline && deadline->at <= now_.steady) {
    engine_.handle_timeout(now_);
    if (!settle() || !take_sends()) return false;
  }
  if (resolver_->open_questions() == 0) return true;
  if (const auto deadline = resolver_->deadline(now_.steady); deadline && *deadline <= now_.steady) {
    make_room();
    resolver_->process_timeouts();
    return settle() && take_facts();
  }
  return true;
}

bool Multi::Impl::take_wakeup() {
  waiter_->take_event();
  const bool seen = waiter_->take_woken();
  return std::exchange(woken_, false) || seen;
}

// A signal ends the wait early, as it does for poll(2).
Result<PollResult> Multi::Impl::poll(std::span<ExtraDescriptor> extra, milliseconds longest) try {
  if (busy_) return std::unexpected(make_error(Code::recursive_call, "poll: called from inside a callback"));
  if (const auto own = timeout()) longest = std::min(longest, *own);
  if (woken_) longest = milliseconds(0);
  const int wait = to_poll_timeout(longest);
  PollResult result;
  int error = 0;
  if (!extra.empty()) {
    error = waiter_->wait_beside(extra, wait);
    result.ready = static_cast<int>(std::ranges::count_if(extra, [](const ExtraDescriptor& one) { return one.ready != 0; }));
  } else if (!waiter_->has_ready()) {
    error = waiter_->wait(wait);
  }
  if (error != 0) return std::unexpected(make_error(Code::internal, "poll: " + net::describe_errno(error), error));
  if (waiter_->has_ready()) polled_at_ = environment_.steady();
  if (waiter_->take_woken()) woken_ = true;
  result.woken = std::exchange(woken_, false);
  if (fd_used_) set_fd_timer();  // which may have run out into this wait
  return result;
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

}  // namespace sluice
