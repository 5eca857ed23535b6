// What will happen, earliest first; what is due at the same instant in the order in which it was put in. That order is
// complete, so that a run is the same wherever it runs. Knows no event's meaning beyond its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

#include "core/types.hpp"

namespace sluice::sim {

struct Event {
  enum class Kind : std::uint8_t {
    // about one link, at most one of each kind at a time (link.hpp)
    connect,        // the answer to a connect
    to_engine,      // the next piece, or the end, reaches the engine's end
    to_peer,        // and the peer's
    readable,       // the engine may take more of what has arrived
    writable,       // it may send again
    peer_readable,  // the peer takes what has waited
    wake,           // Line::wake_after
    // about the world
    answer,  // of a name
    call,    // World::at
    stale,   // facts about a connection that is gone
    alarm,   // who waits looks whether its time has come
  };
  static constexpr std::size_t kLinkKinds = 7;

  Instant at;
  std::uint64_t sequence = 0;  // from 1, never the same twice
  Kind kind = Kind::call;
  std::uint32_t index = 0;  // of an id, by kind
  std::uint32_t generation = 0;
};

class EventQueue {
 public:
  // Answers the event's sequence number.
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
