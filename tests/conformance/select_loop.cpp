// Multi::perform() and select_wait(), with the application's descriptors as extra ones.
#include "adapters/select.hpp"
#include "tests/conformance/by_hand.hpp"

namespace sluice::conformance {
namespace {

class SelectLoop final : public HandLoop {
  Result<void> wait(Multi& multi, Milliseconds most) override {
    return wait_for_readers([&](std::vector<ExtraDescriptor>& extra) { return select_wait(multi, extra, most); });
  }
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<SelectLoop>(); }
const char* loop_name() { return "select"; }
bool holds_many_descriptors() { return false; }

}  // namespace sluice::conformance
