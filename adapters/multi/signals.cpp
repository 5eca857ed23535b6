// See signals.hpp. The waiter is woken while the lock is held, so that it cannot be destroyed during the call.
#include "adapters/multi/signals.hpp"

#include <new>
#include <utility>

namespace sluice::multi {

TransportSignal Signals::make(const std::shared_ptr<Signals>& box, ConnId conn) {
  auto bell = std::make_shared<Bell>();
  bell->box = box;
  bell->conn = conn;
  return [bell = std::move(bell)] { bell->box->ring(bell); };
}

void Signals::ring(const std::shared_ptr<Bell>& bell) {
  if (bell->rung.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  if (!waiter_) return;
  const bool first = rung_.empty() && !lost_;
  try {
    rung_.push_back(bell);
  } catch (const std::bad_alloc&) {
    bell->rung = false;
    lost_ = true;
  }
  if (first && !attended_) waiter_->wakeup();
}

void Signals::close() {
  const std::lock_guard lock(mutex_);
  waiter_ = nullptr;
  rung_.clear();  // each bell keeps the box alive
}

void Signals::attend() {
  const std::lock_guard lock(mutex_);
  attended_ = true;
}

void Signals::leave() {
  const std::lock_guard lock(mutex_);
  attended_ = false;
}

bool Signals::waiting() const {
  const std::lock_guard lock(mutex_);
  return !rung_.empty() || lost_;
}

bool Signals::take(Fifo<ConnId>& into) {
  bool whole = true;
  {
    const std::lock_guard lock(mutex_);
    into.make_room(rung_.size());
    taken_.swap(rung_);
    whole = !std::exchange(lost_, false);
  }
  for (const std::shared_ptr<Bell>& bell : taken_) {
    bell->rung = false;  // before the stream is tried, so that a later signal is a new one
    into.push(bell->conn);
  }
  taken_.clear();
  return whole;
}

}  // namespace sluice::multi
