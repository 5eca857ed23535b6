// The parts of a loop written by hand: the application's periodic timers, its descriptors, and a loop made of them.
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

  // `now` comes from another clock, converted to Clock's type.
  explicit Timers(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  int every(Milliseconds period, std::function<void()> tick) {
    timers_[++last_] = {period, now_() + period, std::move(tick)};
    return last_;
  }
  void cancel(int timer) { timers_.erase(timer); }

  // Ticks may add and cancel timers, also their own.
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

  // The time until the next one or until `end`; rounded up, so that it is due after the wait.
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

  // Ready descriptors are reported by number, and numbers are reused: a descriptor that was added since begin_batch()
  // is not called.
  void begin_batch() { before_ = last_; }
  void call(int fd) {
    const auto reader = readers_.find(fd);
    if (reader == readers_.end() || reader->second.number > before_) return;
    const std::function<void()> readable = reader->second.readable;  // it may remove its own watch
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

// Alternately drives and waits. Derived classes define how it waits.
class HandLoop : public Loop {
 public:
  explicit HandLoop(std::function<Timers::Clock::time_point()> now = Timers::Clock::now)
      : timers_(now), now_(std::move(now)) {}

  void attach(Multi& multi, AfterDrive after) override {
    multi_ = &multi;
    after_ = std::move(after);
  }
  void detach() override { multi_ = nullptr; }
  void watch(int fd, std::function<void()> readable) override { readers_.add(fd, std::move(readable)); }
  void unwatch(int fd) override { readers_.remove(fd); }
  int every(Milliseconds period, std::function<void()> tick) override { return timers_.every(period, std::move(tick)); }
  void cancel(int timer) override { timers_.cancel(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    const auto end = now_() + limit;
    for (;;) {
      const Drive drive = multi_->perform();
      after_(*multi_);
      if (condition()) return true;
      if (now_() >= end) return false;
      auto waited = wait(*multi_, drive == Drive::call_again ? Milliseconds(0) : timers_.wait(end));
      ++turns_;
      if (!waited) {
        failure_ = std::move(waited.error());
        return false;
      }
      timers_.run_due();
    }
  }

 protected:
  // Waits for the Multi's descriptors and the application's, and calls the readers of those that are ready.
  virtual Result<void> wait(Multi& multi, Milliseconds most) = 0;
  // With the application's as extra descriptors: `wait_beside` fills in which are ready.
  template <class WaitBeside>
  Result<void> wait_for_readers(WaitBeside wait_beside) {
    std::vector<ExtraDescriptor> extra = readers_.extra();
    readers_.begin_batch();
    auto waited = wait_beside(extra);
    if (!waited) return std::unexpected(std::move(waited.error()));
    for (const ExtraDescriptor& one : extra) {
      if (one.ready != 0) readers_.call(one.fd);
    }
    return {};
  }

  Readers readers_;

 private:
  Multi* multi_ = nullptr;
  AfterDrive after_;
  Timers timers_;
  std::function<Timers::Clock::time_point()> now_;
};

}  // namespace sluice::conformance
