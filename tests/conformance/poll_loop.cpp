// Multi::perform() and Multi::poll(), with the application's descriptors as extra ones.
#include "tests/conformance/by_hand.hpp"

namespace sluice::conformance {
namespace {

class PollLoop final : public HandLoop {
  Result<void> wait(Multi& multi, Milliseconds most) override {
    return wait_for_readers([&](std::vector<ExtraDescriptor>& extra) { return multi.poll(extra, most); });
  }
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<PollLoop>(); }
const char* loop_name() { return "poll"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
