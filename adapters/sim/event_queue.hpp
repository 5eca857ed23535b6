// The queue of future events, the earliest first; events of the same instant are in the order in which they were added.
// So the order is the same on every machine. Does not know what an event means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

#include "core/types.hpp"

namespace sluice::sim {

struct Event {
  enum class Kind : std::uint8_t {
    // about one link; at most one of each kind at a time (link.hpp)
    connect,        // the answer to a connect
    to_engine,      // the next piece, or the end, arrives at the engine
    to_peer,        // the next piece, or the end, arrives at the peer
    readable,       // the engine may read more of what has arrived
    writable,       // the engine may send again
    peer_readable,  // the peer reads what waits
    wake,           // Line::wake_after
    // about the world
    answer,  // an answer about a name
    call,    // World::at
    stale,   // facts about a connection that is gone
    alarm,   // the waiter checks whether its time has come
  };
  static constexpr std::size_t kLinkKinds = 7;

  Instant at;
  std::uint64_t sequence = 0;  // from 1, never the same twice
  Kind kind = Kind::call;
  std::uint32_t index = 0;  // of an id, depending on the kind
  std::uint32_t generation = 0;
};

class EventQueue {
 public:
  // Returns the event's sequence number.
  std::uint64_t push(Instant at, Event::Kind kind, std::uint32_t index, std::uint32_t generation) {
    heap_.push({at, ++latest_, kind, index, generation});
    return latest_;
  }
  bool empty() const { return heap_.empty(); }
  const Event& top() const { return heap_.top(); }
  void pop() { heap_.pop(); }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> heap_;
  std::uint64_t latest_ = 0;
};

}  // namespace sluice::sim
