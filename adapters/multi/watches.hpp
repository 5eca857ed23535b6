// Which descriptors are watched, for what, and on whose behalf; tells the Waiter and the application's WatchSink of
// changes, once each. Knows nothing of what is read or written.
#pragma once

#include <sys/select.h>

#include <cstdint>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/multi.hpp"
#include "adapters/multi/fifo.hpp"

namespace sluice::multi {

struct Watch {
  std::uint32_t generation = 0;  // counts what this number was closed or given up as
  std::uint8_t events = 0;       // 0: not watched
  std::uint8_t postponed = 0;    // events that were handed in when there was no room for them
  ConnId owner;                  // none: the resolver, or Multi::wakeup_fd()
  void* assigned = nullptr;
};

class Watches {
 public:
  // The waiter's wakeup descriptor is watched from the start: a sink is told of it, fdset() is not.
  explicit Watches(Waiter& waiter);

  // Answers 0 or errno: EEXIST, it is watched on somebody else's behalf; EBADF, there is no such descriptor. events 0
  // ends the watch, if it is this owner's.
  int set(int fd, std::uint8_t events, ConnId owner);
  // The descriptor is closed next, which takes it out of the waiter without a call. -1 is none, and so is one of
  // another owner.
  void forget(int fd, ConnId owner);
  // Null: not watched. Views until the next set() or forget().
  const Watch* find(int fd) const;
  // Null as well for an event of an earlier descriptor with this number.
  const Watch* find(const Ready& ready) const;

  void set_sink(WatchSink* sink);
  WatchSink* sink() const { return sink_; }
  void assign(int fd, void* value);

  // Keeps events for a later drive: a descriptor's once, however often they are said.
  void postpone(int fd, std::uint8_t events);
  bool has_postponed() const { return !postponed_.empty(); }
  Ready take_postponed();  // may be for a watch that has ended: see find()

  std::size_t room() const { return by_fd_.size(); }  // how many numbers it has memory for

  Result<void> fdset(fd_set* read, fd_set* write, int* highest) const;

 private:
  void count(int fd, bool watched);
  int start(int fd, std::uint8_t events, ConnId owner);
  void end(int fd);

  Waiter& waiter_;
  WatchSink* sink_ = nullptr;
  std::uint64_t sinks_set_ = 0;
  std::vector<Watch> by_fd_;
  Fifo<Ready> postponed_;      // their events stand in by_fd_
  std::size_t too_large_ = 0;  // watched ones that do not fit in an fd_set
};

}  // namespace sluice::multi
