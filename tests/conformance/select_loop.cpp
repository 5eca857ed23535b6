// Multi::perform() and select_wait(), with the application's descriptors as extra ones.
#include "adapters/select.hpp"
#include "tests/conformance/by_hand.hpp"

namespace sluice::conformance {
namespace {

class SelectLoop final : public Loop {
 public:
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
    const auto end = Timers::Clock::now() + limit;
    for (;;) {
      const Drive drive = multi_->perform();
      after_(*multi_);
      if (condition()) return true;
      if (Timers::Clock::now() >= end) return false;
      std::vector<ExtraDescriptor> extra = readers_.extra();
      readers_.begin_batch();
      auto waited = select_wait(*multi_, extra, drive == Drive::call_again ? Milliseconds(0) : timers_.wait(end));
      ++turns_;
      if (!waited) {
        failure_ = std::move(waited.error());
        return false;
      }
      for (const ExtraDescriptor& one : extra) {
        if (one.ready != 0) readers_.call(one.fd);
      }
      timers_.run_due();
    }
  }

 private:
  Multi* multi_ = nullptr;
  AfterDrive after_;
  Readers readers_;
  Timers timers_;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<SelectLoop>(); }
const char* loop_name() { return "select"; }
bool holds_many_descriptors() { return false; }

}  // namespace sluice::conformance
