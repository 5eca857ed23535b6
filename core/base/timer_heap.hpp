// What is due when: the earliest of many deadlines, each of which can be moved or taken back in O(log n).
// Entries of the same instant come out in the order in which they were set, so that a run can be repeated.
// Leaves to others: what the time is, and what an owner or a kind means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.hpp"

namespace sluice {

class TimerHeap {
 public:
  // Kept by the caller, one for each timer that it may set; a default one is not set. Once its entry was popped or
  // canceled a handle is as good as new: a stale one never reaches an entry that somebody else has set since.
  struct Handle {
    static constexpr std::uint32_t kNone = 0xffff'ffff;
    std::uint32_t slot = kNone;
    std::uint32_t generation = 0;
  };

  struct Entry {
    Instant at;
    std::uint32_t index = 0;  // the owner's id
    std::uint32_t generation = 0;
    std::uint8_t kind = 0;

    template <class Tag>
    Id<Tag> owner() const {
      return {index, generation};
    }
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Sets the timer, or moves it where it was set already; a moved one counts as set last among those of its instant.
  // False when memory is short: the timer is then as it was. After reserve(n) that cannot happen to the first n timers,
  // and memory is never given back.
  bool set(Handle& handle, Entry entry);
  template <class Tag>
  bool set(Handle& handle, Instant at, std::uint8_t kind, Id<Tag> owner) {
    return set(handle, Entry{at, owner.index, owner.generation, kind});
  }
  void cancel(Handle& handle);  // nothing to do where it is not set
  bool is_set(const Handle& handle) const;
  std::optional<Instant> due(const Handle& handle) const;  // nullopt: it is not set
  bool reserve(std::size_t timers);

  std::optional<Entry> earliest() const;
  // The earliest entry if it is due (at <= now), taken out.
  std::optional<Entry> pop_due(Instant now);
  std::size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.empty(); }
  // True while the heap is in order and every slot knows its place. Walks everything: for tests.
  bool check_invariants() const;

 private:
  // What is compared lies side by side; the rest of an entry is in its slot.
  struct Node {
    Instant at;
    std::uint64_t sequence;
    std::uint32_t slot;
  };
  struct Slot {
    Entry entry;
    std::uint32_t place = Handle::kNone;  // in heap_, or the next free slot
    std::uint32_t generation = 1;
  };

  static bool before(const Node& a, const Node& b) { return a.at != b.at ? a.at < b.at : a.sequence < b.sequence; }
  void put(std::size_t place, const Node& node);
  void sift_up(std::size_t place, const Node& node);
  void sift_down(std::size_t place, const Node& node);
  void remove_at(std::size_t place);
  void free_slot(std::uint32_t slot);

  std::vector<Node> heap_;  // four children each: fewer levels, and they share cache lines
  std::vector<Slot> slots_;
  std::uint32_t free_ = Handle::kNone;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace sluice
