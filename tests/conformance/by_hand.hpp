// What a loop written by hand keeps: the application's periodic timers and its descriptors.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "tests/conformance/loop.hpp"

namespace sluice::conformance {

class Timers {
 public:
  using Clock = std::chrono::steady_clock;

  // `now` is another clock's, in Clock's words.
  explicit Timers(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  int every(Milliseconds period, std::function<void()> tick) {
    timers_[++last_] = {period, now_() + period, std::move(tick)};
    return last_;
  }
  void cancel(int timer) { timers_.erase(timer); }

  // Ticks may add and cancel, also themselves.
  void run_due() {
    const Clock::time_point now = now_();
    for (auto each = timers_.begin(); each != timers_.end();) {
      const int number = each->first;
      if (each->second.at <= now) {
        each->second.at = std::max(each->second.at + each->second.period, now);
        const std::function<void()> tick = each->second.tick;
        tick();
      }
      each = timers_.upper_bound(number);
    }
  }

  // How long to wait for the next one, or until `end`; rounded up, so that it is due then.
  Milliseconds wait(Clock::time_point end) const {
    for (const auto& [number, timer] : timers_) end = std::min(end, timer.at);
    return std::max(std::chrono::ceil<Milliseconds>(end - now_()), Milliseconds(0));
  }

 private:
  struct Timer {
    Milliseconds period{};
    Clock::time_point at;
    std::function<void()> tick;
  };
  std::function<Clock::time_point()> now_;
  std::map<int, Timer> timers_;
  int last_ = 0;
};

class Readers {
 public:
  void add(int fd, std::function<void()> readable) { readers_[fd] = {++last_, std::move(readable)}; }
  bool remove(int fd) { return readers_.erase(fd) > 0; }

  // What was ready is told by number, and numbers are taken again: a descriptor that is watched since begin_batch() is
  // not called.
  void begin_batch() { before_ = last_; }
  void call(int fd) {
    const auto reader = readers_.find(fd);
    if (reader == readers_.end() || reader->second.number > before_) return;
    const std::function<void()> readable = reader->second.readable;  // it may remove itself
    readable();
  }

  std::vector<ExtraDescriptor> extra() const {
    std::vector<ExtraDescriptor> all;
    for (const auto& [fd, reader] : readers_) all.push_back({.fd = fd, .wanted = kEventRead, .ready = 0});
    return all;
  }

 private:
  struct Reader {
    unsigned long number = 0;
    std::function<void()> readable;
  };
  std::map<int, Reader> readers_;
  unsigned long last_ = 0, before_ = 0;
};

}  // namespace sluice::conformance
