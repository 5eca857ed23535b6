// See timer_heap.hpp.
#include "core/base/timer_heap.hpp"

#include <algorithm>
#include <stdexcept>

namespace sluice {
namespace {
constexpr std::size_t kChildren = 4;
}

bool TimerHeap::reserve(std::size_t timers) {
  if (timers <= slots_.capacity() && timers <= heap_.capacity()) return true;
  if (timers >= Handle::kNone) return false;
  try {
    slots_.reserve(timers);
    heap_.reserve(timers);
  } catch (const std::exception&) {  // bad_alloc, or length_error on machines with 32-bit addresses
    return false;
  }
  return true;
}

bool TimerHeap::set(Handle& handle, Entry entry) {
  if (is_set(handle)) {
    Slot& slot = slots_[handle.slot];
    slot.entry = entry;
    const Node node{entry.at, next_sequence_++, handle.slot};
    if (before(node, heap_[slot.place])) {
      sift_up(slot.place, node);
    } else {
      sift_down(slot.place, node);
    }
    return true;
  }
  // Get the memory for both vectors before either changes.
  if (free_ == Handle::kNone) {
    if (slots_.size() == slots_.capacity() && !reserve(std::max<std::size_t>(64, slots_.size() * 2))) return false;
    slots_.emplace_back();
    free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
  if (heap_.size() == heap_.capacity() && !reserve(std::max<std::size_t>(64, heap_.size() * 2))) return false;
  const std::uint32_t index = free_;
  Slot& slot = slots_[index];
  free_ = slot.place;
  slot.entry = entry;
  handle = {index, slot.generation};
  const Node node{entry.at, next_sequence_++, index};
  heap_.push_back(node);
  sift_up(heap_.size() - 1, node);
  return true;
}

void TimerHeap::cancel(Handle& handle) {
  if (is_set(handle)) {
    remove_at(slots_[handle.slot].place);
    free_slot(handle.slot);
  }
  handle = {};
}

bool TimerHeap::is_set(const Handle& handle) const {
  return handle.slot < slots_.size() && slots_[handle.slot].generation == handle.generation;
}

std::optional<Instant> TimerHeap::due(const Handle& handle) const {
  if (!is_set(handle)) return std::nullopt;
  return slots_[handle.slot].entry.at;
}

std::optional<TimerHeap::Entry> TimerHeap::earliest() const {
  if (heap_.empty()) return std::nullopt;
  return slots_[heap_.front().slot].entry;
}

std::optional<TimerHeap::Entry> TimerHeap::pop_due(Instant now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const std::uint32_t slot = heap_.front().slot;
  const Entry entry = slots_[slot].entry;
  remove_at(0);
  free_slot(slot);
  return entry;
}

bool TimerHeap::check_invariants() const {
  for (std::size_t i = 0; i < heap_.size(); ++i) {
    const Node& node = heap_[i];
    if (i > 0 && !before(heap_[(i - 1) / kChildren], node)) return false;
    const Slot* slot = node.slot < slots_.size() ? &slots_[node.slot] : nullptr;
    if (!slot || slot->place != i || slot->entry.at != node.at) return false;
  }
  std::size_t free = 0;
  for (std::uint32_t slot = free_; slot != Handle::kNone; slot = slots_[slot].place) {
    if (slot >= slots_.size() || ++free > slots_.size()) return false;
  }
  return free + heap_.size() == slots_.size();
}

void TimerHeap::put(std::size_t place, const Node& node) {
  heap_[place] = node;
  slots_[node.slot].place = static_cast<std::uint32_t>(place);
}

void TimerHeap::sift_up(std::size_t place, const Node& node) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / kChildren;
    if (!before(node, heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, node);
}

void TimerHeap::sift_down(std::size_t place, const Node& node) {
  for (;;) {
    const std::size_t first = place * kChildren + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + kChildren, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], node)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, node);
}

void TimerHeap::remove_at(std::size_t place) {
  const Node last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (before(last, heap_[place])) {
    sift_up(place, last);
  } else {
    sift_down(place, last);
  }
}

// The new generation makes every existing handle to the slot stale.
void TimerHeap::free_slot(std::uint32_t slot) {
  ++slots_[slot].generation;
  slots_[slot].place = free_;
  free_ = slot;
}

}  // namespace sluice
