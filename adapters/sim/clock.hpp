// The clock of a simulated world. It moves only when it is set, and never back.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/types.hpp"

namespace sluice::sim {

class Clock {
 public:
  Clock(Instant start, UnixSeconds wall) : start_(start), wall_(wall), now_{start, wall} {}

  Now now() const { return now_; }
  Instant steady() const { return now_.steady; }
  Instant start() const { return start_; }
  Duration since_start() const { return now_.steady - start_; }

  void move(Instant to) {
    now_.steady = std::max(now_.steady, to);
    now_.wall = wall_ + std::chrono::duration_cast<std::chrono::seconds>(since_start()).count();
  }

 private:
  const Instant start_;
  const UnixSeconds wall_;
  Now now_;
};

}  // namespace sluice::sim
