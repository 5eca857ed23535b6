// A heap of timers: gives the earliest deadline, and can move or cancel each one in O(log n). Entries with the same
// instant come out in the order in which they were set, so that a run can be repeated. Leaves to others: the current
// time, and what an owner or a kind means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.hpp"

namespace sluice {

class TimerHeap {
 public:
  // The caller keeps one handle for each timer that it may set. A default handle is not set. After its entry was popped
  // or canceled, a handle may be used again like a new one: a stale handle never affects a later entry in the same
  // slot.
  struct Handle {
    static constexpr std::uint32_t kNone = 0xffff'ffff;
    std::uint32_t slot = kNone;
    std::uint32_t generation = 0;
  };

  struct Entry {
    Instant at;
    std::uint32_t index = 0;  // the id of the owner, with `generation`
    std::uint32_t generation = 0;
    std::uint8_t kind = 0;

    template <class Tag>
    Id<Tag> owner() const {
      return {index, generation};
    }
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Sets the timer, or moves it if it is set. A moved timer counts as the last one set for its instant. False: not
  // enough memory, and the timer is unchanged. This cannot happen after reserve(n) while at most n timers are set.
  // Memory is never freed before the heap is destroyed.
  bool set(Handle& handle, Entry entry);
  template <class Tag>
  bool set(Handle& handle, Instant at, std::uint8_t kind, Id<Tag> owner) {
    return set(handle, Entry{at, owner.index, owner.generation, kind});
  }
  void cancel(Handle& handle);  // does nothing if it is not set
  bool is_set(const Handle& handle) const;
  std::optional<Instant> due(const Handle& handle) const;  // nullopt: it is not set
  bool reserve(std::size_t timers);

  std::optional<Entry> earliest() const;
  // The earliest entry if it is due (at <= now), taken out.
  std::optional<Entry> pop_due(Instant now);
  std::size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.empty(); }
  // True if the heap is ordered and every slot knows its place. Walks everything: for tests.
  bool check_invariants() const;

 private:
  // Holds only what is compared, so that it is close in memory; the rest of an entry is in its slot.
  struct Node {
    Instant at;
    std::uint64_t sequence;
    std::uint32_t slot;
  };
  struct Slot {
    Entry entry;
    std::uint32_t place = Handle::kNone;  // the index in heap_; of a free slot: the next free slot
    std::uint32_t generation = 1;
  };

  static bool before(const Node& a, const Node& b) { return a.at != b.at ? a.at < b.at : a.sequence < b.sequence; }
  void put(std::size_t place, const Node& node);
  void sift_up(std::size_t place, const Node& node);
  void sift_down(std::size_t place, const Node& node);
  void remove_at(std::size_t place);
  void free_slot(std::uint32_t slot);

  std::vector<Node> heap_;  // four children each: fewer levels, and siblings share cache lines
  std::vector<Slot> slots_;
  std::uint32_t free_ = Handle::kNone;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace sluice
