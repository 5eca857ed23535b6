// EpollDriver in an epoll loop written by hand.
#include "adapters/epoll.hpp"

#include <array>

#include "tests/conformance/by_hand.hpp"
#include "tests/conformance/epoll_readers.hpp"

namespace sluice::conformance {
namespace {

class EpollLoop final : public Loop {
 public:
  void attach(Multi& multi, AfterDrive after) override {
    driver_ = EpollDriver::create(multi, readers_.epoll(), std::move(after)).value();
  }
  void detach() override { driver_.reset(); }

  void watch(int fd, std::function<void()> readable) override { readers_.add(fd, std::move(readable)); }
  void unwatch(int fd) override { readers_.remove(fd); }
  int every(Milliseconds period, std::function<void()> tick) override { return timers_.every(period, std::move(tick)); }
  void cancel(int timer) override { timers_.cancel(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    const auto end = Timers::Clock::now() + limit;
    while (!condition() && !driver_->failed()) {
      if (Timers::Clock::now() >= end) return false;
      std::array<epoll_event, 64> batch;
      readers_.begin_batch();
      const int wait = driver_->timeout_ms(static_cast<int>(timers_.wait(end).count()));
      const int count = ::epoll_wait(readers_.epoll(), batch.data(), static_cast<int>(batch.size()), wait);
      ++turns_;
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = batch[static_cast<std::size_t>(i)];
        if (!driver_->handle(event)) readers_.call(event.data.fd);
      }
      driver_->after_batch();
      timers_.run_due();
    }
    return !driver_->failed();
  }

 private:
  std::unique_ptr<EpollDriver> driver_;
  EpollReaders readers_;
  Timers timers_;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<EpollLoop>(); }
const char* loop_name() { return "epoll"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
