// See loop.hpp. The two loops that call perform() and then wait: with Multi::poll() and with select(2).
#include "adapters/cli/loop.hpp"

#include <utility>

#include "adapters/select.hpp"
#include "core/base/check.hpp"

namespace sluice::cli {
namespace {

class PollLoop final : public Loop {
 public:
  explicit PollLoop(Multi& multi) : multi_(multi) {}
  Drive perform() override { return multi_.perform(); }
  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (auto waited = multi_.poll(extra, longest); !waited) return std::unexpected(std::move(waited.error()));
    return {};
  }

 private:
  Multi& multi_;
};

class SelectLoop final : public Loop {
 public:
  explicit SelectLoop(Multi& multi) : multi_(multi) {}
  Drive perform() override { return multi_.perform(); }
  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (auto waited = select_wait(multi_, extra, longest); !waited) return std::unexpected(std::move(waited.error()));
    return {};
  }

 private:
  Multi& multi_;
};

}  // namespace

Result<std::unique_ptr<Loop>> make_loop(LoopKind kind, Multi& multi) {
  switch (kind) {
    case LoopKind::select:
      return std::make_unique<SelectLoop>(multi);
    case LoopKind::poll:
      return std::make_unique<PollLoop>(multi);
    case LoopKind::epoll:
      return make_epoll_loop(multi);
    case LoopKind::libuv:
      return make_libuv_loop(multi);
  }
  SLUICE_CHECK(false);
}

}  // namespace sluice::cli
