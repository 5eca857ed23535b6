// See outbox.hpp. The memory is used again after all outputs were taken, so a queue that is drained allocates nothing
// in the steady state.
#include "core/engine/outbox.hpp"

namespace sluice::engine {

std::optional<Output> Outbox::pop() {
  if (empty()) return std::nullopt;
  std::optional<Output> out(std::move(waiting_[next_++]));
  if (empty()) {
    waiting_.clear();
    next_ = 0;
    if (waiting_.capacity() > kKept) std::vector<Output>().swap(waiting_);
  }
  return out;
}

}  // namespace sluice::engine
