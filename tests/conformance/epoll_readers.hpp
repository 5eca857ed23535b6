// The application's own descriptors in an epoll instance, for loops written by hand on epoll.
#pragma once

#include <sys/epoll.h>

#include <cstdlib>
#include <functional>
#include <utility>

#include "adapters/net/descriptor.hpp"
#include "tests/conformance/by_hand.hpp"

namespace sluice::conformance {

class EpollReaders {
 public:
  int epoll() const { return epoll_.get(); }
  void add(int fd, std::function<void()> readable) {
    readers_.add(fd, std::move(readable));
    control(EPOLL_CTL_ADD, fd);
  }
  void remove(int fd) {
    if (readers_.remove(fd)) control(EPOLL_CTL_DEL, fd);
  }
  void begin_batch() { readers_.begin_batch(); }
  void call(int fd) { readers_.call(fd); }

 private:
  void control(int operation, int fd) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) std::abort();
  }

  net::Descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Readers readers_;
};

}  // namespace sluice::conformance
