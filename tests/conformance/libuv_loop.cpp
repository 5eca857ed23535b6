// LibuvDriver in the application's uv_loop_t.
#include "adapters/libuv.hpp"

#include <uv.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "tests/conformance/loop.hpp"

namespace sluice::conformance {
namespace {

// Handles live until libuv has closed them.
struct Poll {
  uv_poll_t handle = {};
  std::function<void()> readable;
};
struct Timer {
  using Clock = std::chrono::steady_clock;
  uv_timer_t handle = {};
  std::function<void()> tick;
  Milliseconds period{};
  Clock::time_point at;

  // libuv's own repetition counts from when it has called.
  void start() {
    uv_update_time(handle.loop);
    const auto wait = std::max(std::chrono::ceil<Milliseconds>(at - Clock::now()), Milliseconds(0));
    uv_timer_start(&handle, &Timer::run, static_cast<std::uint64_t>(wait.count()), 0);
  }
  static void run(uv_timer_t* handle) {
    auto* const self = static_cast<Timer*>(handle->data);
    self->at = std::max(self->at + self->period, Clock::now());
    const std::function<void()> call = self->tick;
    self->start();
    call();  // it may end this timer
  }
};
template <class Handle>
void close(std::unique_ptr<Handle> handle) {
  handle->handle.data = handle.get();
  uv_close(reinterpret_cast<uv_handle_t*>(&handle.release()->handle),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

class LibuvLoop final : public Loop {
 public:
  LibuvLoop() {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &limit_.handle);
  }
  ~LibuvLoop() override {
    detach();
    for (auto& [fd, poll] : polls_) close(std::move(poll));
    for (auto& [number, timer] : timers_) close(std::move(timer));
    uv_close(reinterpret_cast<uv_handle_t*>(&limit_.handle), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);  // hangs, and shows it, when a handle of somebody's is left
    uv_loop_close(&loop_);
  }

  void attach(Multi& multi, AfterDrive after) override {
    driver_ = LibuvDriver::create(multi, &loop_, std::move(after)).value();
  }
  void detach() override { driver_.reset(); }

  void watch(int fd, std::function<void()> readable) override {
    auto poll = std::make_unique<Poll>();
    poll->readable = std::move(readable);
    poll->handle.data = poll.get();
    uv_poll_init(&loop_, &poll->handle, fd);
    uv_poll_start(&poll->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
      const std::function<void()> call = static_cast<Poll*>(handle->data)->readable;  // it may end this watch
      call();
    });
    polls_[fd] = std::move(poll);
  }
  void unwatch(int fd) override {
    if (auto poll = polls_.extract(fd)) {
      uv_poll_stop(&poll.mapped()->handle);
      close(std::move(poll.mapped()));
    }
  }
  int every(Milliseconds period, std::function<void()> tick) override {
    auto timer = std::make_unique<Timer>();
    timer->tick = std::move(tick);
    timer->handle.data = timer.get();
    uv_timer_init(&loop_, &timer->handle);
    timer->period = period;
    timer->at = Timer::Clock::now() + period;
    timer->start();
    timers_[++last_timer_] = std::move(timer);
    return last_timer_;
  }
  void cancel(int timer) override {
    if (auto found = timers_.extract(timer)) close(std::move(found.mapped()));
  }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    bool over = false;
    limit_.handle.data = &over;
    uv_update_time(&loop_);
    uv_timer_start(
        &limit_.handle, [](uv_timer_t* timer) { *static_cast<bool*>(timer->data) = true; },
        static_cast<std::uint64_t>(limit.count()), 0);
    while (!over && !condition()) {
      uv_run(&loop_, UV_RUN_ONCE);
      ++turns_;
    }
    uv_timer_stop(&limit_.handle);
    return condition();
  }

 private:
  uv_loop_t loop_ = {};
  Timer limit_;
  std::unique_ptr<LibuvDriver> driver_;
  std::map<int, std::unique_ptr<Poll>> polls_;
  std::map<int, std::unique_ptr<Timer>> timers_;
  int last_timer_ = 0;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<LibuvLoop>(); }
const char* loop_name() { return "libuv"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
