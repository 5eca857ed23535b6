// How long one drive may run, and the time during the drive. The clock is read once for many steps: code that has done
// something slow reads it again (look_at_clock()). Knows only the clock. Leaves the work to driver.hpp.
#pragma once

#include <algorithm>
#include <cstddef>

#include "adapters/environment.hpp"

namespace sluice::multi {

class Pace {
 public:
  Pace(const Environment& environment, std::size_t max_reads, Duration max_time)
      : environment_(environment),
        max_reads_(std::clamp<std::size_t>(max_reads, 1, kMostReads)),
        max_time_(std::clamp<Duration>(max_time, Duration(1), kLongestDrive)) {}

  // ---- the time of the drive ----
  const Now& now() const { return now_; }
  void look_at_clock() { now_ = environment_.now(); }

  // ---- a drive ----
  void begin();
  // The drive has done some work. Before that it is never late(), so that each drive makes progress.
  void progress() { progressed_ = true; }
  bool late() const { return progressed_ && now_.steady >= until_; }
  bool spent() const { return reads_ == 0 || late(); }  // reading must stop
  // Each returns false if the drive has no read, send or output left. may_send() and take_output() also read the clock
  // from time to time.
  bool take_read() { return reads_ > 0 && reads_-- > 0; }
  bool may_send();
  void sent() { --sends_; }
  bool take_output();

  // ---- bursts of socket_action() ----
  // A loop calls socket_action() for one descriptor after another (a burst) before it looks at its timers again. All
  // calls of a burst together may take the time of one drive; later events of the burst are kept until the timer, which
  // is reported as due. A descriptor that is given again because of call_again begins a new burst. So does any event if
  // no timer has come for a long time.
  void join_burst(int fd);
  void begin_burst();                          // the timer has come
  void spend_burst() { burst_spent_ = true; }  // no more work in this burst; the timer is reported as due
  void forget_burst() { burst_spent_ = false; }
  void end_in_burst(int fd, bool complete);  // the drive is over; `complete`: it did not stop for fairness

  // A batch that poll() fetched within this time is not fetched again by perform(), which saves a system call each
  // time.
  static constexpr Duration kFreshFor = std::chrono::microseconds(100);

 private:
  // The greatest max_reads_per_perform, so that what is computed from it cannot overflow.
  static constexpr std::size_t kMostReads = 1'000'000;
  static constexpr Duration kLongestDrive = std::chrono::hours(24);
  // These limit a drive in which the application's callbacks cause more and more sends and outputs.
  static constexpr std::size_t kSendsForEachRead = 4;
  static constexpr std::size_t kOutputsForEachRead = 16;
  // After this many sends or outputs the clock is read again.
  static constexpr std::size_t kUnlookedAt = 16;
  // In multiples of max_drive_time: if a loop has not looked at its timers for this long, it may never do so, and a new
  // burst begins.
  static constexpr int kTimerWithin = 4;
  static constexpr int kNone = -1;

  const Environment& environment_;
  const std::size_t max_reads_;
  const Duration max_time_;
  Now now_;
  Instant until_;
  std::size_t reads_ = 0, sends_ = 0, outputs_ = 0;  // how many are left in this drive
  bool progressed_ = false;
  Instant burst_until_, burst_ended_;
  bool burst_spent_ = false;
  int again_fd_ = kNone;  // the descriptor of the last call that returned call_again
};

}  // namespace sluice::multi
