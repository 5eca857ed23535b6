// Objects under ids that outlive them: {index, generation} finds the object or nothing, never another one (SB-47).
// Objects never move, and a released one is kept with its memory for the next to use, as long as there are few of
// those: what a flood of objects took goes back when it is over. Knows nothing of what they are.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/memory.hpp"
#include "core/types.hpp"

namespace sluice {

// T is default-constructible and has recycle(), which is called on release: it drops what the object stood for and
// keeps its buffers. Objects live in chunks of 64; one without a living object is given back if kSpares released ones
// are left without it, and nothing is allocated as long as any is left. A slot is given up after `kLastGeneration`
// uses, so that a very old id cannot come to life again.
template <class T, class Tag, std::uint32_t kLastGeneration = 0xffff'ffff, std::size_t kSpares = 128>
class SlotMap {
 public:
  SlotMap() = default;
  SlotMap(const SlotMap&) = delete;
  SlotMap& operator=(const SlotMap&) = delete;

  // A fresh or recycled object and, in `out`, its id; nullptr when memory is short. The index released last comes
  // first, then others of its chunk.
  T* emplace(Id<Tag>& out) {
    if (open_ == kNone && !grow()) return nullptr;
    Chunk& chunk = chunks_[open_];
    const std::uint32_t place = chunk.free;
    Slot& slot = (*chunk.slots)[place];
    if (!slot.make()) return nullptr;  // the slot is still free
    chunk.free = std::exchange(slot.next_free, kLive);
    out = {static_cast<std::uint32_t>(open_ * kChunkSlots + place), slot.generation};
    ++chunk.living;
    --spares_;
    ++size_;
    if (chunk.free == kNone) close(open_);
    return &slot.value;
  }

  T* find(Id<Tag> id) { return const_cast<T*>(std::as_const(*this).find(id)); }
  const T* find(Id<Tag> id) const {
    if (id.index >= capacity()) return nullptr;
    const Chunk& chunk = chunks_[id.index / kChunkSlots];
    if (!chunk.slots) return nullptr;
    const Slot& slot = (*chunk.slots)[id.index % kChunkSlots];
    return slot.live() && slot.generation == id.generation ? &slot.value : nullptr;
  }

  // False, and nothing is done, when the id is stale.
  bool release(Id<Tag> id) {
    if (find(id) == nullptr) return false;
    const auto index = static_cast<std::uint32_t>(id.index / kChunkSlots);
    Chunk& chunk = chunks_[index];
    Slot& slot = (*chunk.slots)[id.index % kChunkSlots];
    slot.value.recycle();
    slot.next_free = kNone;
    --size_;
    if (slot.generation == kLastGeneration) return true;  // its chunk always counts it as living
    --chunk.living;
    ++spares_;
    chunk.generation = std::max(chunk.generation, ++slot.generation);
    slot.next_free = std::exchange(chunk.free, static_cast<std::uint32_t>(id.index % kChunkSlots));
    if (open_ != index) {
      if (slot.next_free != kNone) close(index);
      open(index);
    }
    if (chunk.living == 0 && spares_ >= kSpares + kChunkSlots) give_back(index);
    return true;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return chunks_.size() * kChunkSlots; }

  // The first that is live at `index` or after it; none: nothing is. For walks that stop before the end.
  std::optional<Id<Tag>> first_live(std::size_t index) const {
    for (; index < capacity(); ++index) {
      const Chunk& chunk = chunks_[index / kChunkSlots];
      if (!chunk.slots) continue;
      const Slot& slot = (*chunk.slots)[index % kChunkSlots];
      if (slot.live()) return Id<Tag>{static_cast<std::uint32_t>(index), slot.generation};
    }
    return std::nullopt;
  }

  // Walks every slot there is: for rare calls, invariants and tests. `visit(Id<Tag>, T&)` may release any object, the
  // one it was given too, and emplace others: what is living when the walk gets to its index is visited, once.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto id = first_live(0); id; id = first_live(id->index + std::size_t{1})) visit(*id, *find(*id));
  }

 private:
  static constexpr std::size_t kChunkSlots = 64;
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr std::uint32_t kLive = 0xffff'fffe;

  // What is looked at to find an object stands right before it.
  struct Slot {
    Slot() {}
    ~Slot() {
      if (made) value.~T();
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    bool live() const { return next_free == kLive; }
    // False when memory is short.
    bool make() {
      if (made) return true;
      return made = has_memory_for([&] { new (&value) T(); });
    }

    std::uint32_t generation = 1;     // so that an id of zeros names nothing
    std::uint32_t next_free = kNone;  // in its chunk
    bool made = false;
    union {
      T value;
    };
  };
  using Slots = std::array<Slot, kChunkSlots>;

  // Chunks with free slots are a list; those that were given back stand in another, by `next` alone.
  struct Chunk {
    std::unique_ptr<Slots> slots;
    std::uint32_t generation = 1;  // no slot has had a later one
    std::uint32_t free = kNone;
    std::uint32_t living = 0;
    std::uint32_t previous = kNone, next = kNone;
  };

  void open(std::uint32_t index) {
    Chunk& chunk = chunks_[index];
    chunk.previous = kNone;
    chunk.next = open_;
    if (open_ != kNone) chunks_[open_].previous = index;
    open_ = index;
  }
  void close(std::uint32_t index) {
    const Chunk& chunk = chunks_[index];
    (chunk.previous != kNone ? chunks_[chunk.previous].next : open_) = chunk.next;
    if (chunk.next != kNone) chunks_[chunk.next].previous = chunk.previous;
  }

  void give_back(std::uint32_t index) {
    Chunk& chunk = chunks_[index];
    close(index);
    chunk.slots.reset();
    spares_ -= kChunkSlots;
    chunk.next = std::exchange(given_back_, index);
  }

  // Opens a chunk of fresh slots: in the place of one that was given back, or behind all.
  bool grow() {
    std::unique_ptr<Slots> slots(new (std::nothrow) Slots);
    if (!slots) return false;
    if (given_back_ == kNone) {
      if (capacity() > kLive - kChunkSlots) return false;
      if (!has_memory_for([&] { chunks_.emplace_back(); })) return false;
      given_back_ = static_cast<std::uint32_t>(chunks_.size() - 1);
    }
    const std::uint32_t index = given_back_;
    Chunk& chunk = chunks_[index];
    given_back_ = chunk.next;
    chunk.slots = std::move(slots);
    chunk.free = kNone;
    for (std::uint32_t place = kChunkSlots; place-- > 0;) {  // the lowest index comes first
      (*chunk.slots)[place].generation = chunk.generation;
      (*chunk.slots)[place].next_free = std::exchange(chunk.free, place);
    }
    spares_ += kChunkSlots;
    open(index);
    return true;
  }

  std::vector<Chunk> chunks_;
  std::uint32_t open_ = kNone;        // the first chunk with a free slot
  std::uint32_t given_back_ = kNone;  // the first chunk without slots
  std::size_t spares_ = 0;            // free slots
  std::size_t size_ = 0;
};

}  // namespace sluice
