// Which descriptors are watched, for which events and for which owner. Reports each change once to the Waiter and to
// the application's WatchSink. Leaves reading and writing to streams.hpp.
#pragma once

#include <sys/select.h>

#include <cstdint>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/multi.hpp"
#include "adapters/multi/fifo.hpp"

namespace sluice::multi {

// The watch of one descriptor number.
struct Watch {
  std::uint32_t generation = 0;  // counts how often a watch of this number has ended
  std::uint8_t events = 0;       // 0: not watched
  std::uint8_t postponed = 0;    // events that are kept for a later drive
  ConnId owner;                  // default: the resolver, or Multi::wakeup_fd()
  void* assigned = nullptr;
};

class Watches {
 public:
  // The waiter's wakeup descriptor is watched from the start: it is reported to a sink, but not added by fdset().
  explicit Watches(Waiter& waiter);

  // Sets the events to watch. 0 ends the watch, if it belongs to this owner. Returns 0 or an errno: EEXIST (another
  // owner watches it), EBADF (there is no such descriptor). Throws std::bad_alloc.
  int set(int fd, std::uint8_t events, ConnId owner);
  // Ends the watch of a descriptor that is about to be closed, which removes it from the waiter without a system call.
  // Does nothing for -1 or if another owner watches it.
  void forget(int fd, ConnId owner);
  // Null: not watched. Valid until the next set() or forget().
  const Watch* find(int fd) const;
  // Null also for an event of an earlier descriptor with this number.
  const Watch* find(const Ready& ready) const;

  void set_sink(WatchSink* sink);
  WatchSink* sink() const { return sink_; }
  void assign(int fd, void* value);

  // Keeps events for a later drive; each descriptor is queued once. Throws std::bad_alloc.
  void postpone(int fd, std::uint8_t events);
  bool has_postponed() const { return !postponed_.empty(); }
  Ready take_postponed();  // may be for a watch that has ended: use find()

  std::size_t room() const { return by_fd_.size(); }  // descriptor numbers below this need no memory

  Result<void> fdset(fd_set* read, fd_set* write, int* highest) const;

 private:
  void count(int fd, bool watched);
  int start(int fd, std::uint8_t events, ConnId owner);
  void end(int fd);

  Waiter& waiter_;
  WatchSink* sink_ = nullptr;
  std::uint64_t sinks_set_ = 0;
  std::vector<Watch> by_fd_;
  Fifo<Ready> postponed_;      // their events are in by_fd_
  std::size_t too_large_ = 0;  // watched descriptors that do not fit into an fd_set
};

}  // namespace sluice::multi
