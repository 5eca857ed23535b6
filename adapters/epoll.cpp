// See epoll.hpp. Descriptor numbers are small and dense, so the watched ones are kept as a vector of bits.
#include "adapters/epoll.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "adapters/net/socket.hpp"

namespace sluice {

Result<std::unique_ptr<EpollDriver>> EpollDriver::create(Multi& multi, int epoll, AfterDrive after_drive) {
  if (multi.watch_sink()) {
    return std::unexpected(
        make_error(Code::invalid_option, "watch in an epoll descriptor: this Multi has a driver already"));
  }
  std::unique_ptr<EpollDriver> driver(new EpollDriver(multi, epoll, std::move(after_drive)));
  multi.set_watch_sink(driver.get());
  if (const int error = driver->error_; error != 0) {
    const std::string tried = "watch in epoll descriptor " + std::to_string(epoll);
    return std::unexpected(make_error(Code::invalid_option, tried + ": " + net::describe_errno(error), error));
  }
  return driver;
}

EpollDriver::EpollDriver(Multi& multi, int epoll, AfterDrive after_drive)
    : multi_(multi), epoll_(epoll), after_drive_(std::move(after_drive)) {}

EpollDriver::~EpollDriver() {
  if (multi_.watch_sink() == this) multi_.set_watch_sink(nullptr);
  for (std::size_t fd = 0; fd < watched_.size(); ++fd) {
    if (watched_[fd]) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, static_cast<int>(fd), nullptr);
  }
}

int EpollDriver::timeout_ms(int longest) const {
  if (!deadline_) return longest;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - multi_.now()).count();
  const auto most = longest < 0 ? std::numeric_limits<int>::max() : longest;
  return static_cast<int>(std::clamp<decltype(wait)>(wait, 0, most));
}

bool EpollDriver::handle(const epoll_event& event) {
  const auto index = static_cast<std::size_t>(event.data.fd);  // a negative number gives an index past the end
  if (index >= watched_.size() || !watched_[index]) return false;
  const int seen = ((event.events & EPOLLIN) ? kEventRead : 0) | ((event.events & EPOLLOUT) ? kEventWrite : 0) |
                   ((event.events & (EPOLLERR | EPOLLHUP)) ? kEventError : 0);
  drive(event.data.fd, static_cast<std::uint8_t>(seen));
  return true;
}

void EpollDriver::after_batch() {
  // Only one drive: if work is left, timeout_ms() is 0, and the application's other descriptors get their turn before
  // the next drive.
  if (deadline_ && *deadline_ <= multi_.now()) drive(Multi::kNoSocket, kEventNone);
}

void EpollDriver::drive(int fd, std::uint8_t events) {
  const Drive answer = multi_.socket_action(fd, events);
  if (answer == Drive::recursive_call) return;
  if (answer == Drive::failed && error_ == 0) error_ = EIO;
  if (after_drive_) after_drive_(multi_);
}

void EpollDriver::on_watch(int fd, std::uint8_t events, void*) {
  const auto index = static_cast<std::size_t>(fd);
  try {
    if (index >= watched_.size()) watched_.resize(index + 1);
  } catch (const std::bad_alloc&) {
    error_ = ENOMEM;
    return;
  }
  const int operation = events == 0 ? EPOLL_CTL_DEL : watched_[index] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  epoll_event event = {};
  event.events = ((events & kEventRead) ? EPOLLIN : 0u) | ((events & kEventWrite) ? EPOLLOUT : 0u);
  event.data.fd = fd;
  if (::epoll_ctl(epoll_, operation, fd, &event) != 0 && events != 0) {
    error_ = errno;
    return;
  }
  watched_[index] = events != 0;
}

}  // namespace sluice
