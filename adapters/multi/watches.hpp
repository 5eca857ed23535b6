// Which descriptors are watched, for what, and on whose behalf; tells epoll and the application's WatchSink of changes,
// once each. Knows nothing of what is read or written.
#pragma once

#include <sys/select.h>

#include <cstdint>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/net/poller.hpp"

namespace sluice::multi {

struct Watch {
  std::uint32_t generation = 0;  // counts what this number was closed or given up as
  std::uint8_t events = 0;       // 0: not watched
  ConnId owner;                  // none: the resolver
  void* assigned = nullptr;
};

class Watches {
 public:
  explicit Watches(net::Poller& poller) : poller_(poller) {}

  // Answers 0 or errno. events 0 ends the watch.
  int set(int fd, std::uint8_t events, ConnId owner);
  // The descriptor is closed next, which takes it out of epoll without a call.
  void forget(int fd);
  // Null: not watched. Views until the next set() or forget().
  const Watch* find(int fd) const;
  // Null as well for an event of an earlier descriptor with this number.
  const Watch* find(const net::Ready& ready) const;

  void set_sink(WatchSink* sink);
  WatchSink* sink() const { return sink_; }
  void assign(int fd, void* value);

  Result<void> fdset(fd_set* read, fd_set* write, int* highest) const;

 private:
  void count(int fd, bool watched);
  void end(int fd);

  net::Poller& poller_;
  WatchSink* sink_ = nullptr;
  std::vector<Watch> by_fd_;
  std::size_t too_large_ = 0;  // watched ones that do not fit in an fd_set
};

}  // namespace sluice::multi
