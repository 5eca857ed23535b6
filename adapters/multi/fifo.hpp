// A queue that keeps its memory, so that nothing is allocated in the steady state. (std::deque frees and allocates
// blocks as it moves.)
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::multi {

template <class T>
class Fifo {
 public:
  bool empty() const { return begin_ == items_.size(); }
  std::size_t size() const { return items_.size() - begin_; }
  void push(T item) {
    // Compacts only when more than half of the items were taken, so the cost for each item is constant on average.
    if (begin_ > 64 && begin_ * 2 > items_.size()) compact();
    items_.push_back(std::move(item));
  }
  // After this the next `count` pushes allocate nothing. Throws std::bad_alloc; nothing visible has changed then.
  void make_room(std::size_t count) {
    if (items_.capacity() - items_.size() >= count) return;
    if (begin_ > 0) compact();
    if (items_.capacity() - items_.size() < count) items_.reserve(2 * items_.size() + count);
  }
  T pop() {
    T item = std::move(items_[begin_++]);
    if (empty()) {
      items_.clear();
      begin_ = 0;
    }
    return item;
  }

 private:
  void compact() {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  std::vector<T> items_;
  std::size_t begin_ = 0;
};

}  // namespace sluice::multi
