// Further limits of transfers (TransferLimits) and the rates of all together (EngineLimits): how many bytes each may
// receive and send now, and the timers of its limits. Leaves to others: what is read and sent (connections.hpp,
// core/http/upload.hpp), and ending a transfer (carrier.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/list.hpp"
#include "core/base/rate_limit.hpp"
#include "core/base/timers.hpp"
#include "core/flow/speed_watch.hpp"
#include "core/options.hpp"
#include "core/transfer_limits.hpp"

namespace sluice::engine {

// One direction of a transfer.
struct Lane {
  RateLimit limit;         // its own
  std::size_t credit = 0;  // how many bytes may pass; at 0 the transfer is held until its lane is filled again
  TransferId transfer;
  Timers::Handle timer;
  Link<Lane> waiting;  // for its share of the rate of all
};

// What a transfer with such limits has besides. Most have none.
struct Pace {
  Lane receive, send;
  std::uint64_t sent = 0;      // of the request body, for the rate
  std::uint64_t moved = 0;     // bytes that have come and gone for it, on the wire where it has a connection alone
  std::size_t unconsumed = 0;  // bytes that the application has consumed and whose window is not open yet
  flow::SpeedWatch speed;
  Timers::Handle phase_timer;  // of its queue_timeout or its response_timeout
  Timers::Handle speed_timer;
  bool is_held() const { return receive.credit == 0 || send.credit == 0; }
};

class Pacer {
 public:
  explicit Pacer(Timers& timers) : timers_(timers) {}  // it must outlive this object
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  // The rates of all transfers together.
  void set_limits(const EngineLimits& limits, Now now);
  bool limits_all() const { return receive_.limit.limits() || send_.limit.limits(); }

  // A new pace; `limits` null: only the rates of all hold for it. Throws std::bad_alloc, as those below.
  static std::unique_ptr<Pace> make(TransferId transfer, const TransferLimits* limits, Now now);
  void start_phase(Pace& pace, std::optional<Duration> time, Now now);  // nullopt: the phase has no limit
  void stop_phase(Pace& pace) { timers_.cancel(pace.phase_timer); }
  // An exchange begins. `sends`: the request has a body. `sent` as in sent_so_far().
  void begin(Pace& pace, const TransferLimits* limits, bool sends, std::uint64_t sent, Now now);
  // The rates of all have changed while the exchange runs. `sends`: the request has a body that is not sent completely.
  void change(Pace& pace, bool sends, Now now);
  void end_sending(Pace& pace) noexcept;  // all of its body was sent
  void received(Pace& pace, std::size_t bytes, Now now) { passed(pace.receive, receive_, bytes, now); }
  // `sent`: how many bytes of the request body were given to the connection so far.
  void sent_so_far(Pace& pace, std::uint64_t sent, Now now);
  // The timer of a lane is due.
  void fill_receive(Pace& pace, Now now) { fill(pace.receive, receive_, now); }
  void fill_send(Pace& pace, Now now) { fill(pace.send, send_, now); }
  // The rate of all lets more pass: gives it to those that wait, the oldest first, and calls `visit` for each of them.
  template <class Visit>
  void share_receive(Now now, Visit&& visit) {
    share(receive_, now, visit);
  }
  template <class Visit>
  void share_send(Now now, Visit&& visit) {
    share(send_, now, visit);
  }
  void watch_speed(Pace& pace, Now now);  // sets the timer of the next step
  void stop(Pace& pace) noexcept;         // no timer of it runs any more, and it waits for nothing

 private:
  // After this time those that wait for a share are asked again, also if there was no memory to serve one of them.
  static constexpr Duration kMaxWait = std::chrono::milliseconds(50);
  // A direction of all transfers together.
  struct Whole {
    TimerKind of_one, of_all;
    RateLimit limit = {};
    List<Lane, &Lane::waiting> waiting = {};
    Timers::Handle timer = {};
    bool shares = false;  // share() runs: who needs more waits until it has counted what was given
  };
  void passed(Lane& lane, Whole& whole, std::size_t bytes, Now now);
  void fill(Lane& lane, Whole& whole, Now now);
  void change(Lane& lane, Whole& whole, Now now);
  void leave(Lane& lane, Whole& whole) noexcept;
  void wake(Whole& whole, Duration after, Now now);
  static std::size_t portion(const Lane& lane, const Whole& whole, std::size_t budget, Now now);
  template <class Visit>
  void share(Whole& whole, Now now, Visit& visit);

  Timers& timers_;
  Whole receive_{TimerKind::rate_receive, TimerKind::rate_receive_all};
  Whole send_{TimerKind::rate_send, TimerKind::rate_send_all};
};

template <class Visit>
void Pacer::share(Whole& whole, Now now, Visit& visit) {
  std::size_t budget = whole.limit.allowed(now.steady), given = 0;
  // Whatever happens below, those that are left are asked again. The timer was just due, so this needs no memory.
  if (!whole.waiting.empty()) wake(whole, kMaxWait, now);
  whole.shares = true;
  while (budget > given && !whole.waiting.empty()) {
    Lane& lane = *whole.waiting.front();
    lane.credit = portion(lane, whole, budget - given, now);
    whole.waiting.remove(lane);
    given += lane.credit;
    visit(lane.transfer);
  }
  whole.shares = false;
  if (whole.waiting.empty()) return timers_.cancel(whole.timer);
  // What was given is not used yet, so it still counts as allowed. Nothing was given if more has passed than that.
  wake(whole, std::max(whole.limit.ready() - now.steady, whole.limit.time_for(given)), now);
}

}  // namespace sluice::engine
