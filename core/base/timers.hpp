// The deadlines of one engine: what is due when, for whom and why. They are set lazily, so that what has no timeout
// costs none. Leaves to others: what the time is, and what is done when one has come.
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

  // One that has come, and is set no more.
  struct Due {
    TimerKind kind = {};
    std::uint32_t index = 0, generation = 0;
    template <class Tag>
    Id<Tag> owner() const {
      return {index, generation};
    }
  };

  // No later than the end of time.
  static Instant later(Instant from, Duration by);

  // Sets the timer `after` from now on, or moves it. std::bad_alloc: it is as it was.
  template <class Tag>
  void set(Handle& handle, Duration after, TimerKind kind, Id<Tag> owner, Now now) {
    if (!heap_.set(handle, later(now.steady, after), static_cast<std::uint8_t>(kind), owner)) throw std::bad_alloc();
  }
  void cancel(Handle& handle) {  // nothing to do where it is not set
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
