// A first-in, first-out queue in contiguous memory. It has no memory before its first use, and keeps its memory
// afterwards. Knows nothing of its elements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace sluice::sim {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }
  std::span<const T> items() const { return std::span<const T>(items_).subspan(head_); }

  void push(T item) { items_.push_back(std::move(item)); }
  void push(std::span<const T> more) { items_.insert(items_.end(), more.begin(), more.end()); }
  // Needs count <= size(). Views of the remaining elements become invalid.
  void pop(std::size_t count = 1) {
    head_ += count;
    if (head_ == items_.size()) {
      clear();
    } else if (head_ >= kWorthMoving && head_ >= items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  // Keeps the first `count` elements.
  void truncate(std::size_t count) {
    if (count >= size()) return;
    items_.resize(head_ + count);
    if (count == 0) clear();
  }
  void clear() {
    items_.clear();
    head_ = 0;
  }

 private:
  static constexpr std::size_t kWorthMoving = 4096;

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace sluice::sim
