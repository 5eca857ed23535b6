// See outbox.hpp. The memory is used again after all outputs were taken, so a queue that is drained allocates nothing
// in the steady state.
#include "core/engine/outbox.hpp"

#include <algorithm>

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

void Outbox::drop_head(TransferId id) {
  const auto is_its_head = [&](const Output& output) {
    const auto* head = std::get_if<output::HeadReady>(&output);
    return head && head->transfer == id;
  };
  const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(next_);
  waiting_.erase(std::remove_if(first, waiting_.end(), is_its_head), waiting_.end());
}

}  // namespace sluice::engine
