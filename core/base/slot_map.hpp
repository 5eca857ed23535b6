// Objects with ids that may outlive them: {index, generation} finds the object or nothing, never another object
// (SB-47). Objects never move. Some released objects are kept, with their buffers, to be used again; the memory of the
// others is freed. Knows nothing of what the objects are.
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

// T is default-constructible and has recycle(), which release() calls: it resets the object and may keep its buffers.
// Objects are allocated in chunks of 64. A chunk without a live object is freed if at least kSpares free slots are left
// without it. Nothing is allocated while there is a free slot. A slot is not used again after `kLastGeneration` uses,
// so that a very old id cannot become valid again.
template <class T, class Tag, std::uint32_t kLastGeneration = 0xffff'ffff, std::size_t kSpares = 128>
class SlotMap {
 public:
  SlotMap() = default;
  SlotMap(const SlotMap&) = delete;
  SlotMap& operator=(const SlotMap&) = delete;

  // Returns a new or recycled object and sets `out` to its id. Null: not enough memory. The index that was released
  // last is used first, then others of its chunk.
  T* emplace(Id<Tag>& out) {
    if (open_ == kNone && !grow()) return nullptr;
    Chunk& chunk = chunks_[open_];
    const std::uint32_t place = chunk.free;
    Slot& slot = (*chunk.slots)[place];
    if (!slot.make()) return nullptr;  // nothing has changed: the slot is still free
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

  // False: the id is stale, and nothing was done.
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

  // The id of the first live object at `index` or after it; nullopt: there is none. For walks that may stop early.
  std::optional<Id<Tag>> first_live(std::size_t index) const {
    for (; index < capacity(); ++index) {
      const Chunk& chunk = chunks_[index / kChunkSlots];
      if (!chunk.slots) continue;
      const Slot& slot = (*chunk.slots)[index % kChunkSlots];
      if (slot.live()) return Id<Tag>{static_cast<std::uint32_t>(index), slot.generation};
    }
    return std::nullopt;
  }

  // Visits every live object: for rare calls, invariants and tests. `visit(Id<Tag>, T&)` may release any object, also
  // the one that it was given, and may emplace others. An object that is live when the walk reaches its index is
  // visited once.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto id = first_live(0); id; id = first_live(id->index + std::size_t{1})) visit(*id, *find(*id));
  }
  // The same where nothing changes: looks at no slot after the last live one of a chunk.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t index = 0; index < chunks_.size(); ++index) {
      const Chunk& chunk = chunks_[index];
      std::uint32_t left = chunk.living;
      for (std::size_t place = 0; chunk.slots && left > 0 && place < kChunkSlots; ++place) {
        const Slot& slot = (*chunk.slots)[place];
        if (!slot.live()) continue;
        visit(Id<Tag>{static_cast<std::uint32_t>(index * kChunkSlots + place), slot.generation}, slot.value);
        --left;
      }
    }
  }

 private:
  static constexpr std::size_t kChunkSlots = 64;
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr std::uint32_t kLive = 0xffff'fffe;

  // The members that find() reads are placed right before the object.
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

    std::uint32_t generation = 1;     // so that an id of {0, 0} names nothing
    std::uint32_t next_free = kNone;  // in its chunk
    bool made = false;
    union {
      T value;
    };
  };
  using Slots = std::array<Slot, kChunkSlots>;

  // Chunks with free slots are in a doubly linked list. Chunks that were freed are in another list, which uses `next`
  // only.
  struct Chunk {
    std::unique_ptr<Slots> slots;
    std::uint32_t generation = 1;  // no slot of the chunk had a later generation
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

  // Adds a chunk of new slots, in the place of a freed chunk or at the end.
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
