// The queue of outputs, first in, first out, and events with their time, if they are reported. Does not know whether
// outputs are still true. Leaves outputs that could not
// be queued to the objects that they are about (jobs.hpp, connections.hpp).
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/memory.hpp"
#include "core/outputs.hpp"

namespace sluice::engine {

class Outbox {
 public:
  // Throws std::bad_alloc; nothing has changed then.
  template <class Kind>
  void put(Kind output) {
    waiting_.emplace_back(std::in_place_type<Kind>, std::move(output));
  }
  void put(Output output) { waiting_.push_back(std::move(output)); }
  // False: not enough memory, and nothing has changed.
  template <class Kind>
  bool try_put(Kind output) noexcept {
    return has_memory_for([&] { put(std::move(output)); });
  }
  // A request head that is being sent. Without memory for the copy it is left out; nothing depends on it.
  void try_put_head(TransferId id, Bytes head) noexcept {
    has_memory_for([&] { put(output::HeadSent{id, std::string(as_text(head))}); });
  }
  // ---- events (core/engine_event.hpp) ----
  void report_events(bool wanted) { reports_ = wanted; }
  bool reports() const { return reports_; }
  void set_time(Instant now) { now_ = now; }  // that of the events from here on
  // `make` returns the event without its time; it is called only if events are reported. Without memory the event is
  // left out.
  template <class Make>
  void report(Make make) noexcept {
    if (!reports_) [[likely]]
      return;
    has_memory_for([&] {
      output::Observed observed{make()};
      observed.event.at = now_;
      put(std::move(observed));
    });
  }

  // After this the next put() needs no memory. Throws std::bad_alloc; nothing has changed then.
  void make_room() {
    if (waiting_.size() == waiting_.capacity()) waiting_.reserve(2 * waiting_.size() + kLeastRoom);
  }

  // Takes out a HeadReady about the transfer that is still here. Looks at all outputs.
  void drop_head(TransferId id);

  bool empty() const { return next_ == waiting_.size(); }
  std::optional<Output> pop();
  std::size_t capacity() const { return waiting_.capacity(); }

  // If the queue has room for more outputs than this, the memory is freed when all were taken.
  static constexpr std::size_t kKept = 256;

 private:
  static constexpr std::size_t kLeastRoom = 16;
  std::vector<Output> waiting_;
  std::size_t next_ = 0;
  bool reports_ = false;
  Instant now_ = {};
};

}  // namespace sluice::engine
