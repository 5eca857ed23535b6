// See later.hpp.
#include "adapters/transport/later.hpp"

#include <utility>

namespace sluice::transport {
namespace {

thread_local Later* outermost = nullptr;

}  // namespace

void Listener::tell_later() {
  if (!outermost) return tell();
  if (std::exchange(waits_, true)) return;
  next_ = std::exchange(outermost->first_, shared_from_this());
}

Later::Later() : outer_(outermost) {
  if (!outer_) outermost = this;
}

Later::~Later() {
  if (outer_) return;
  outermost = nullptr;  // the listeners below may use a Later of their own
  while (first_) {
    const std::shared_ptr<Listener> one = std::exchange(first_, std::move(first_->next_));
    one->waits_ = false;
    one->tell();
  }
}

}  // namespace sluice::transport
