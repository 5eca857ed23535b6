// See driver.hpp. settle() keeps the engine's drain rule: a fact is reported only when no output is left, and the
// interest of its connection is read right after the outputs were taken.
//
// What follows from outputs (a connect that fails at once, a known name, bytes to send) is queued and gets its turn
// among the sources of a drive. So an application that reacts to each failure with a new attempt loops over drives, not
// inside settle().
#include "adapters/multi/driver.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <system_error>
#include <utility>
#include <variant>

#include "adapters/multi/scoped.hpp"

namespace sluice::multi {
namespace {

using std::chrono::milliseconds;

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

int to_poll_timeout(milliseconds wait) {
  return static_cast<int>(std::clamp<milliseconds::rep>(wait.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace

Driver::Driver(Parts& parts)
    : environment_(parts.environment),
      waiter_(*parts.waiter),
      watches_(parts.watches),
      transfers_(parts.transfers),
      resolver_(*parts.resolver),
      engine_(parts.engine),
      pace_(parts.pace),
      streams_(parts.streams),
      callbacks_(parts.callbacks),
      comeback_(environment_, waiter_, watches_, [this] { return wish(); }) {}

Driver::~Driver() {
  phase_ = Phase::telling;  // every removal is still reported to the sink
  streams_.close_all();
  watches_.forget(waiter_.wakeup_fd(), {});
  if (streams_.had_routes()) environment_.finish_upkeep();
}

// ---- a drive ----

// Refuses a call inside a drive or a callback. It may have come from a loop's one-shot timer, so the timer is reported
// again afterwards.
bool Driver::refuse() {
  const bool busy = phase_ != Phase::idle;
  if (busy && !comeback_.reporting()) comeback_.timer_spent();
  return busy;
}

void Driver::begin(Streams::Look look) {
  phase_ = Phase::driving;
  wait_error_ = 0;
  pace_.begin();
  streams_.begin_drive(look);
}

Drive Driver::end(Drive answer, int* running) {
  streams_.end_drive();
  phase_ = Phase::idle;
  report();
  if (running) *running = static_cast<int>(transfers_.running());
  return answer;
}

void Driver::report() {
  const Scoped telling(phase_, Phase::telling);
  comeback_.report();
}

Drive Driver::cut_short(int* running) {
  streams_.try_all();
  return end(Drive::failed, running);
}

Drive Driver::perform(int* running) {
  if (refuse()) return Drive::recursive_call;
  begin(Streams::Look::asks);
  comeback_.timer_spent();  // this call may be the timer's
  pace_.forget_burst();
  const bool fresh = waiter_.has_ready() && pace_.now().steady - polled_at_ < Pace::kFreshFor;
  bool complete = work(!fresh || waiter_.batch_was_full());
  complete = run_timers() && complete;
  if (wait_error_ != 0) return end(Drive::failed, running);
  return end(complete ? Drive::ok : Drive::call_again, running);
}

Drive Driver::socket_action(int fd, std::uint8_t events, int* running) {
  const bool timer = fd == Multi::kNoSocket;
  if (timer ? refuse() : phase_ != Phase::idle) return Drive::recursive_call;
  begin(Streams::Look::handed_in);
  if (timer) {
    comeback_.timer_spent();
    pace_.begin_burst();
  } else {
    pace_.join_burst(fd);
  }
  bool complete = settle();
  if (const Watch* watch = timer ? nullptr : watches_.find(fd)) {
    // An event that must wait is kept, because an edge-triggered loop does not report it again.
    complete = complete && !pace_.late();
    if (complete) {
      complete = dispatch(fd, events, watch->owner);
    } else {
      watches_.postpone(fd, events);
    }
  }
  complete = complete && work(false);
  if (!timer && !complete) pace_.spend_burst();
  complete = run_timers() && complete;
  const Drive answer = end(complete ? Drive::ok : Drive::call_again, running);
  pace_.end_in_burst(fd, complete);
  return answer;
}

// ---- outputs ----

// Throws std::bad_alloc before a step has begun, so that nothing is lost inside a step.
void Driver::make_room() {
  streams_.make_room();
  resolver_.make_room();
}

bool Driver::settle() {
  do {
    make_room();
    if (!drain()) return false;
  } while (streams_.refresh_next());
  return true;
}

bool Driver::drain() {
  while (engine_.has_output()) {
    if (!pace_.take_output()) return false;
    make_room();
    if (auto output = engine_.poll_output()) take(std::move(*output));
  }
  return true;
}

void Driver::take(Output output) {
  pace_.progress();
  std::visit(Overloaded{
                 [&](output::Resolve& what) { resolver_.start(what); },
                 [&](output::CancelResolve& what) { resolver_.cancel(what.id); },
                 [&](output::Connect& what) { streams_.connect(what); },
                 [&](output::Close& what) { streams_.close(what.conn); },
                 [&](output::InterestChanged& what) { streams_.refresh(what.conn); },
                 [&](output::InterimReady& what) { callbacks_.interim(what); },
                 [&](output::HeadReady& what) { callbacks_.head(what.transfer); },
                 [&](output::BodyReady& what) { callbacks_.body(what.transfer); },
                 [&](output::UploadReady& what) { callbacks_.upload(what.transfer); },
                 [&](output::UploadRewind& what) { callbacks_.rewind(what.transfer); },
                 [&](output::HopDone& what) { callbacks_.hop_done(what); },
                 [&](output::Done& what) { callbacks_.done(what); },
                 [&](output::HeadSent& what) { callbacks_.head_sent(what); },
                 [&](output::Observed& what) { callbacks_.event(what.event); },
                 [&](output::ConnectHead& what) { callbacks_.connect_head(what); },
                 [&](output::KeyLog& what) {
                   try {
                     key_log_.push_back(std::move(what.line));
                   } catch (const std::bad_alloc&) {  // a line is missing in the log; nothing else depends on it
                   }
                 },
             },
             output);
}

// ---- timers ----

// Timers run last, so that bytes which came in time count before the deadline. They run also after an early stop, so
// that much work cannot delay deadlines; if outputs are left, timers run first in the next drive. False: outputs are
// left.
bool Driver::run_timers() {
  if (const auto due = environment_.upkeep_due(); due && *due <= pace_.now().steady) environment_.do_upkeep();
  timers_put_off_ = engine_.has_output();
  if (timers_put_off_) return false;
  pace_.look_at_clock();
  const Instant now = pace_.now().steady;
  if (const auto deadline = engine_.deadline(); deadline && deadline->at <= now) {
    engine_.handle_timeout(pace_.now());
    if (!settle() || !take_sends()) return false;
  }
  if (resolver_.open_questions() == 0) return true;
  if (const auto deadline = resolver_.deadline(pace_.now().steady); deadline && *deadline <= pace_.now().steady) {
    make_room();
    resolver_.process_timeouts();
    return settle() && take_facts();
  }
  return true;
}

bool Driver::must_run_at_once() const {
  return engine_.has_output() || streams_.has_work() || watches_.has_postponed() || resolver_.has_answer() ||
         transfers_.has_resumes() || !resumed_.empty() || waiter_.has_ready();
}

Wish Driver::wish() {
  if (must_run_at_once()) return {Wish::When::at_once, {}};
  std::optional<Instant> at;
  const auto consider = [&](const std::optional<Instant>& other) {
    if (other && (!at || *other < *at)) at = other;
  };
  if (const auto deadline = engine_.deadline()) consider(deadline->at);
  consider(streams_.deadline());
  if (resolver_.open_questions() > 0) consider(resolver_.deadline(environment_.steady()));
  consider(environment_.upkeep_due());
  return at ? Wish{Wish::When::at, *at} : Wish{};
}

void Driver::after_application_call() {
  if (phase_ == Phase::idle) report();
}

void Driver::set_watch_sink(WatchSink* sink) {
  comeback_.sink_changed();
  {
    const Scoped telling(phase_, phase_ == Phase::idle ? Phase::telling : phase_);
    watches_.set_sink(sink);
  }
  after_application_call();
}

int Driver::fd() {
  const int fd = comeback_.fd();
  after_application_call();
  return fd;
}

bool Driver::take_wakeup() {
  waiter_.take_event();
  const bool seen = waiter_.take_woken();
  return std::exchange(woken_, false) || seen;
}

// A signal ends the wait early, as with poll(2).
Result<PollResult> Driver::poll(std::span<ExtraDescriptor> extra, milliseconds longest) try {
  if (phase_ != Phase::idle)
    return std::unexpected(make_error(Code::recursive_call, "poll: called from inside a callback"));
  if (const auto own = timeout()) longest = std::min(longest, *own);
  if (woken_) longest = milliseconds(0);
  const int wait = to_poll_timeout(longest);
  PollResult result;
  int error = 0;
  if (!extra.empty()) {
    error = waiter_.wait_beside(extra, wait);
    result.ready =
        static_cast<int>(std::ranges::count_if(extra, [](const ExtraDescriptor& one) { return one.ready != 0; }));
  } else if (!waiter_.has_ready()) {
    error = waiter_.wait(wait);
  }
  if (error != 0)
    return std::unexpected(make_error(Code::internal, "poll: " + std::generic_category().message(error), error));
  if (waiter_.has_ready()) polled_at_ = environment_.steady();
  if (waiter_.take_woken()) woken_ = true;
  result.woken = std::exchange(woken_, false);
  comeback_.set_fd_timer();  // the timer may have expired in this wait
  return result;
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

}  // namespace sluice::multi
