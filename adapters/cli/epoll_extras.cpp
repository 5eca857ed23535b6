// See epoll_extras.hpp.
#include "adapters/cli/epoll_extras.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sluice::cli {

int EpollExtras::open() {
  epoll_ = net::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  return epoll_ ? 0 : errno;
}

int EpollExtras::watch(std::span<ExtraDescriptor> extra) {
  for (const int fd : watched_) {
    if (std::ranges::none_of(extra, [&](const ExtraDescriptor& one) { return one.fd == fd; })) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // the descriptor may have been closed
    }
  }
  std::vector<int> watched;
  for (ExtraDescriptor& one : extra) {
    one.ready = kEventNone;
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = one.fd;
    const bool there = std::ranges::find(watched_, one.fd) != watched_.end();
    if (!there && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one.fd, &event) != 0 && errno != EEXIST) return errno;
    watched.push_back(one.fd);
  }
  watched_ = std::move(watched);
  return 0;
}

void EpollExtras::tell(std::span<ExtraDescriptor> extra) const {
  std::array<epoll_event, 16> events = {};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    for (ExtraDescriptor& one : extra) {
      if (one.fd == events[static_cast<std::size_t>(i)].data.fd) one.ready = kEventRead;
    }
  }
}

}  // namespace sluice::cli
