// The timers of one engine or connection: when each is due, who owns it and what it is for. A timer exists only while
// it is set, so a transfer without timeouts costs nothing. Leaves to others: the current time, and what happens when a
// timer is due.
#pragma once

#include <new>
#include <optional>

#include "core/base/timer_heap.hpp"
#include "core/outputs.hpp"
#include "core/types.hpp"

namespace sluice {

class Timers {
 public:
  using Handle = TimerHeap::Handle;

  // A timer that was due and is not set any more. The owner's id is {index, generation}.
  struct Due {
    TimerKind kind = {};
    std::uint32_t index = 0, generation = 0;
    template <class Tag>
    Id<Tag> owner() const {
      return {index, generation};
    }
  };

  // from + by, at most Instant::max(). Needs from >= Instant().
  static Instant later(Instant from, Duration by);

  // Sets the timer to `after` from now, or moves it. Throws std::bad_alloc; the timer is then unchanged.
  template <class Tag>
  void set(Handle& handle, Duration after, TimerKind kind, Id<Tag> owner, Now now) {
    if (!heap_.set(handle, later(now.steady, after), static_cast<std::uint8_t>(kind), owner)) throw std::bad_alloc();
  }
  // The same for an instant. Needs no memory for a timer that is set.
  template <class Tag>
  void set_at(Handle& handle, Instant at, TimerKind kind, Id<Tag> owner) {
    if (!heap_.set(handle, at, static_cast<std::uint8_t>(kind), owner)) throw std::bad_alloc();
  }
  void cancel(Handle& handle) {  // does nothing if it is not set
    if (handle.slot != Handle::kNone) heap_.cancel(handle);
  }
  bool is_set(const Handle& handle) const { return heap_.is_set(handle); }
  std::optional<Instant> due(const Handle& handle) const { return heap_.due(handle); }  // nullopt: it is not set

  std::optional<Deadline> earliest() const;
  std::optional<Due> pop_due(Instant now);
  bool check_invariants() const { return heap_.check_invariants(); }  // walks everything: for tests

 private:
  TimerHeap heap_;
};

}  // namespace sluice
