// See pace.hpp.
#include "adapters/multi/pace.hpp"

namespace sluice::multi {

void Pace::begin() {
  look_at_clock();
  until_ = now_.steady + max_time_;
  progressed_ = false;
  reads_ = max_reads_;
  sends_ = max_reads_ * kSendsForEachRead;
  outputs_ = max_reads_ * kOutputsForEachRead;
}

bool Pace::may_send() {
  if (sends_ % kUnlookedAt == 0) look_at_clock();
  return sends_ > 0 && !late();
}

bool Pace::take_output() {
  if (outputs_ % kUnlookedAt == 0) look_at_clock();
  if (outputs_ == 0 || late()) return false;
  --outputs_;
  return true;
}

void Pace::join_burst(int fd) {
  const bool goes_on = burst_spent_ || now_.steady - burst_ended_ < kFreshFor;
  if (fd != again_fd_ && goes_on && now_.steady < burst_until_ + kTimerWithin * max_time_) {
    until_ = burst_until_;
    progressed_ = true;
  } else {
    begin_burst();
  }
}

void Pace::begin_burst() {
  burst_until_ = until_;
  burst_spent_ = false;
}

void Pace::end_in_burst(int fd, bool complete) {
  again_fd_ = complete ? kNone : fd;
  burst_ended_ = environment_.steady();
}

}  // namespace sluice::multi
