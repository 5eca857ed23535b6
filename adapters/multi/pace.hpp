// How long one drive may go on, and what time it is meanwhile. The clock is read once for many steps: whoever has done
// something that takes time reads it again. Knows no work; asks nobody but the clock.
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
  // It has got something done. One that has not is never late, so that each drive gets somewhere.
  void progress() { progressed_ = true; }
  bool late() const { return progressed_ && now_.steady >= until_; }
  bool spent() const { return reads_ == 0 || late(); }  // for those who may read
  // Each answers false when none is left. The clock is read after some of the last two.
  bool take_read() { return reads_ > 0 && reads_-- > 0; }
  bool may_send();
  void sent() { --sends_; }
  bool take_output();

  // ---- bursts of socket_action() ----
  // A loop hands in one descriptor after another before it looks at its own timers again, so together they are held to
  // the time of one drive: what comes later in the burst is kept until the timer, which is reported as due. One that is
  // handed in again because the answer was call_again begins another burst, and so does whatever comes when no timer
  // has come for long.
  void join_burst(int fd);
  void begin_burst();                          // a timer has come
  void spend_burst() { burst_spent_ = true; }  // nothing more of it until the timer, which is reported as due
  void forget_burst() { burst_spent_ = false; }
  void end_in_burst(int fd, bool complete);  // the drive is over; `complete`: nothing was left for fairness

  // What poll() fetched so short a time ago is what there is: asking the system again would cost a call for each
  // perform.
  static constexpr Duration kFreshFor = std::chrono::microseconds(100);

 private:
  // Where an application's max_reads_per_perform ends, so that what is derived from it cannot overflow.
  static constexpr std::size_t kMostReads = 1'000'000;
  static constexpr Duration kLongestDrive = std::chrono::hours(24);
  // Beside max_reads_per_perform, what bounds a drive in which applications' callbacks make ever more work.
  static constexpr std::size_t kSendsForEachRead = 4;
  static constexpr std::size_t kOutputsForEachRead = 16;
  // Of sends and outputs: how many go by before the clock is read again.
  static constexpr std::size_t kUnlookedAt = 16;
  // In times of a drive: a loop that has not looked at its timers for so long is given up on, or is called again and
  // again without them.
  static constexpr int kTimerWithin = 4;
  static constexpr int kNone = -1;

  const Environment& environment_;
  const std::size_t max_reads_;
  const Duration max_time_;
  Now now_;
  Instant until_;
  std::size_t reads_ = 0, sends_ = 0, outputs_ = 0;  // left of this drive
  bool progressed_ = false;
  Instant burst_until_, burst_ended_;
  bool burst_spent_ = false;
  int again_fd_ = kNone;  // the last one that was answered call_again
};

}  // namespace sluice::multi
