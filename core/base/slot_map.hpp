// Objects under ids that outlive them: {index, generation} finds the object or nothing, never another one (SB-47).
// Objects never move, and a released one is kept with its memory for the next to use. Knows nothing of what they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "core/types.hpp"

namespace sluice {

// T is default-constructible and has recycle(), which is called on release: it drops what the object stood for and
// keeps its buffers. An object is destroyed with the map only. Nothing is allocated as long as released objects are
// left. A slot is given up after `kLastGeneration` uses, so that a very old id cannot come to life again.
template <class T, class Tag, std::uint32_t kLastGeneration = 0xffff'ffff>
class SlotMap {
 public:
  SlotMap() = default;
  SlotMap(const SlotMap&) = delete;
  SlotMap& operator=(const SlotMap&) = delete;

  // A fresh or recycled object and, in `out`, its id; nullptr when memory is short. The index released last comes
  // first.
  T* emplace(Id<Tag>& out) {
    if (free_ == kNone && !grow()) return nullptr;
    const std::uint32_t index = free_;
    Slot& slot = at(index);
    if (!slot.value) {
      try {
        slot.value.emplace();
      } catch (const std::bad_alloc&) {
        return nullptr;  // the slot is still free
      }
    }
    free_ = slot.next_free;
    slot.live = true;
    ++size_;
    out = {index, slot.generation};
    return &*slot.value;
  }

  T* find(Id<Tag> id) { return const_cast<T*>(std::as_const(*this).find(id)); }
  const T* find(Id<Tag> id) const {
    if (id.index >= capacity()) return nullptr;
    const Slot& slot = at(id.index);
    return slot.live && slot.generation == id.generation ? &*slot.value : nullptr;
  }

  // False, and nothing is done, when the id is stale.
  bool release(Id<Tag> id) {
    if (find(id) == nullptr) return false;
    Slot& slot = at(id.index);
    slot.live = false;
    --size_;
    slot.value->recycle();
    if (slot.generation < kLastGeneration) {
      ++slot.generation;
      slot.next_free = free_;
      free_ = id.index;
    }
    return true;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return chunks_.size() * kChunkSlots; }

  // Walks every slot there is: for invariants and tests. `visit(Id<Tag>, T&)` must not emplace or release.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = 0; i < capacity(); ++i) {
      Slot& slot = at(i);
      if (slot.live) visit(Id<Tag>{static_cast<std::uint32_t>(i), slot.generation}, *slot.value);
    }
  }

 private:
  static constexpr std::size_t kChunkSlots = 64;
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  struct Slot {
    std::optional<T> value;
    std::uint32_t generation = 1;  // so that an id of zeros names nothing
    std::uint32_t next_free = kNone;
    bool live = false;
  };
  using Chunk = std::array<Slot, kChunkSlots>;

  Slot& at(std::size_t index) { return (*chunks_[index / kChunkSlots])[index % kChunkSlots]; }
  const Slot& at(std::size_t index) const { return (*chunks_[index / kChunkSlots])[index % kChunkSlots]; }

  bool grow() {
    const std::size_t begin = capacity();
    if (begin > kNone - kChunkSlots) return false;
    std::unique_ptr<Chunk> chunk(new (std::nothrow) Chunk());
    if (!chunk) return false;
    try {
      chunks_.push_back(std::move(chunk));
    } catch (const std::bad_alloc&) {
      return false;
    }
    for (std::size_t i = kChunkSlots; i-- > 0;) {  // the lowest index comes first
      at(begin + i).next_free = free_;
      free_ = static_cast<std::uint32_t>(begin + i);
    }
    return true;
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace sluice
