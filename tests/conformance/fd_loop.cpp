// The application's own epoll loop with one additional watch: Multi::fd(). No deadline, no sink, no binding.
#include <array>

#include "tests/conformance/by_hand.hpp"
#include "tests/conformance/epoll_readers.hpp"

namespace sluice::conformance {
namespace {

class FdLoop final : public Loop {
 public:
  void attach(Multi& multi, AfterDrive after) override {
    attached_ = multi.fd();
    watch(attached_, [&multi, after = std::move(after)] {
      multi.perform();
      after(multi);
    });
  }
  void detach() override { unwatch(attached_); }

  void watch(int fd, std::function<void()> readable) override { readers_.add(fd, std::move(readable)); }
  void unwatch(int fd) override { readers_.remove(fd); }
  int every(Milliseconds period, std::function<void()> tick) override { return timers_.every(period, std::move(tick)); }
  void cancel(int timer) override { timers_.cancel(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    const auto end = Timers::Clock::now() + limit;
    while (!condition()) {
      if (Timers::Clock::now() >= end) return false;
      std::array<epoll_event, 16> batch;
      readers_.begin_batch();
      const int count = ::epoll_wait(readers_.epoll(), batch.data(), static_cast<int>(batch.size()),
                                     static_cast<int>(timers_.wait(end).count()));
      ++turns_;
      for (int i = 0; i < count; ++i) readers_.call(batch[static_cast<std::size_t>(i)].data.fd);
      timers_.run_due();
    }
    return true;
  }

 private:
  int attached_ = -1;
  EpollReaders readers_;
  Timers timers_;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<FdLoop>(); }
const char* loop_name() { return "fd"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
