// AsioDriver in the application's asio::io_context.
#include "adapters/asio.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "tests/conformance/loop.hpp"

namespace sluice::conformance {
namespace {

// Both are kept alive by the handler that waits for them.
struct Watch : std::enable_shared_from_this<Watch> {
  asio::posix::stream_descriptor descriptor;
  std::function<void()> readable;

  Watch(asio::io_context& context, int fd, std::function<void()> call)
      : descriptor(context, fd), readable(std::move(call)) {}
  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](std::error_code error) {
                            if (error || !self->descriptor.is_open()) return;
                            self->readable();
                            if (self->descriptor.is_open()) self->wait();
                          });
  }
};

struct Timer : std::enable_shared_from_this<Timer> {
  asio::steady_timer timer;
  Milliseconds period;
  std::function<void()> tick;
  bool over = false;

  Timer(asio::io_context& context, Milliseconds time, std::function<void()> call)
      : timer(context, time), period(time), tick(std::move(call)) {}
  void wait() {
    timer.async_wait([self = shared_from_this()](std::error_code error) {
      if (error || self->over) return;
      self->tick();
      if (self->over) return;
      self->timer.expires_at(std::max(self->timer.expiry() + self->period, std::chrono::steady_clock::now()));
      self->wait();
    });
  }
};

class AsioLoop final : public Loop {
 public:
  ~AsioLoop() override {
    detach();
    while (!watches_.empty()) unwatch(watches_.begin()->first);
    while (!timers_.empty()) cancel(timers_.begin()->first);
  }

  void attach(Multi& multi, AfterDrive after) override {
    driver_ = AsioDriver::create(multi, context_, std::move(after)).value();
  }
  void detach() override { driver_.reset(); }

  void watch(int fd, std::function<void()> readable) override {
    (watches_[fd] = std::make_shared<Watch>(context_, fd, std::move(readable)))->wait();
  }
  void unwatch(int fd) override {
    if (auto watch = watches_.extract(fd)) watch.mapped()->descriptor.release();
  }
  int every(Milliseconds period, std::function<void()> tick) override {
    (timers_[++last_timer_] = std::make_shared<Timer>(context_, period, std::move(tick)))->wait();
    return last_timer_;
  }
  void cancel(int timer) override {
    if (auto found = timers_.extract(timer)) {
      found.mapped()->over = true;
      found.mapped()->timer.cancel();
    }
  }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      context_.run_one_until(end);
      ++turns_;
    }
    return true;
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> stays_{context_.get_executor()};
  std::unique_ptr<AsioDriver> driver_;
  std::map<int, std::shared_ptr<Watch>> watches_;
  std::map<int, std::shared_ptr<Timer>> timers_;
  int last_timer_ = 0;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<AsioLoop>(); }
const char* loop_name() { return "asio"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
