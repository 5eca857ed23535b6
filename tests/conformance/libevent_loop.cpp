// LibeventDriver in the application's event_base.
#include "adapters/libevent.hpp"

#include <event2/event.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "tests/conformance/loop.hpp"

namespace sluice::conformance {
namespace {

struct Entry {
  event* handle = nullptr;
  std::function<void()> call;

  Entry(event_base* base, int fd, short what, const timeval* period, std::function<void()> function)
      : call(std::move(function)) {
    handle = event_new(
        base, fd, what,
        [](evutil_socket_t, short, void* self) {
          const std::function<void()> copy = static_cast<Entry*>(self)->call;  // it may end this entry
          copy();
        },
        this);
    event_add(handle, period);
  }
  ~Entry() { event_free(handle); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
};

timeval to_timeval(std::chrono::microseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000), static_cast<suseconds_t>(time.count() % 1'000'000)};
}

// EV_PERSIST counts from when it was called late.
struct Timer {
  using Clock = std::chrono::steady_clock;
  event* handle = nullptr;
  Milliseconds period;
  Clock::time_point at;
  std::function<void()> tick;

  Timer(event_base* base, Milliseconds time, std::function<void()> function)
      : period(time), at(Clock::now() + time), tick(std::move(function)) {
    handle = event_new(base, -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Timer*>(self)->run(); }, this);
    start();
  }
  ~Timer() { event_free(handle); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start() {
    event_base_update_cache_time(event_get_base(handle));
    const auto wait =
        std::max(std::chrono::ceil<std::chrono::microseconds>(at - Clock::now()), std::chrono::microseconds(0));
    const timeval time = to_timeval(wait);
    event_add(handle, &time);
  }
  void run() {
    at = std::max(at + period, Clock::now());
    const std::function<void()> call = tick;
    start();
    call();  // it may end this timer
  }
};

class LibeventLoop final : public Loop {
 public:
  ~LibeventLoop() override {
    detach();
    watches_.clear();
    timers_.clear();
  }

  void attach(Multi& multi, AfterDrive after) override {
    driver_ = LibeventDriver::create(multi, base_.get(), std::move(after)).value();
  }
  void detach() override { driver_.reset(); }

  void watch(int fd, std::function<void()> readable) override {
    watches_[fd] = std::make_unique<Entry>(base_.get(), fd, EV_READ | EV_PERSIST, nullptr, std::move(readable));
  }
  void unwatch(int fd) override { watches_.erase(fd); }
  int every(Milliseconds period, std::function<void()> tick) override {
    timers_[++last_timer_] = std::make_unique<Timer>(base_.get(), period, std::move(tick));
    return last_timer_;
  }
  void cancel(int timer) override { timers_.erase(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    bool over = false;
    const timeval time = to_timeval(limit);
    const Entry end(base_.get(), -1, 0, &time, [&over] { over = true; });
    while (!over && !condition()) {
      event_base_loop(base_.get(), EVLOOP_ONCE);
      ++turns_;
    }
    return condition();
  }

 private:
  struct Free {
    void operator()(event_base* base) const { event_base_free(base); }
  };
  std::unique_ptr<event_base, Free> base_{event_base_new()};
  std::unique_ptr<LibeventDriver> driver_;
  std::map<int, std::unique_ptr<Entry>> watches_;
  std::map<int, std::unique_ptr<Timer>> timers_;
  int last_timer_ = 0;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<LibeventLoop>(); }
const char* loop_name() { return "libevent"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
