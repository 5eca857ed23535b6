// See poller.hpp.
#include "adapters/net/poller.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

#include "adapters/net/socket.hpp"
#include "core/base/check.hpp"

namespace sluice::net {
namespace {

std::uint32_t to_epoll(std::uint8_t events) {
  std::uint32_t out = 0;
  if (events & kEventRead) out |= EPOLLIN;
  if (events & kEventWrite) out |= EPOLLOUT;
  return out;
}

std::uint8_t from_epoll(std::uint32_t events) {
  std::uint8_t out = 0;
  if (events & (EPOLLIN | EPOLLRDHUP)) out |= kEventRead;
  if (events & EPOLLOUT) out |= kEventWrite;
  if (events & (EPOLLERR | EPOLLHUP)) out |= kEventError;
  return out;
}

Error set_up_error(const char* what) {
  const int error = errno;
  const bool exhausted = error == EMFILE || error == ENFILE;
  return make_error(exhausted ? Code::too_many_descriptors : Code::internal,
                    std::string("set up the watches: ") + what + ": " + describe_errno(error), error);
}

}  // namespace

Result<Poller> Poller::create() {
  Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(set_up_error("epoll_create1"));
  Descriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return std::unexpected(set_up_error("eventfd"));
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer) return std::unexpected(set_up_error("timerfd_create"));
  Poller poller(std::move(epoll), std::move(event), std::move(timer));
  for (const int fd : {poller.event_.get(), poller.timer_.get()}) {
    if (const int error = poller.add(fd, kEventRead, 0); error != 0) {
      errno = error;
      return std::unexpected(set_up_error("epoll_ctl"));
    }
  }
  return poller;
}

int Poller::control(int operation, int fd, std::uint8_t events, std::uint32_t generation) {
  epoll_event event = {};
  event.events = to_epoll(events);
  event.data.u64 = std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int Poller::add(int fd, std::uint8_t events, std::uint32_t generation) {
  return control(EPOLL_CTL_ADD, fd, events, generation);
}
int Poller::modify(int fd, std::uint8_t events, std::uint32_t generation) {
  return control(EPOLL_CTL_MOD, fd, events, generation);
}
int Poller::remove(int fd) { return control(EPOLL_CTL_DEL, fd, 0, 0); }

int Poller::wait(int timeout_ms) {
  SLUICE_CHECK(!has_ready());
  begin_batch();
  const int count = ::epoll_wait(epoll_.get(), fetched_.data(), static_cast<int>(kBatch), timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : errno;
  set_full(static_cast<std::size_t>(count) == kBatch);
  // The poller's own two descriptors are handled here, so that has_ready() is about watches only.
  for (const epoll_event& event : std::span(fetched_).first(static_cast<std::size_t>(count))) {
    const int fd = static_cast<int>(event.data.u64 & 0xffff'ffff);
    if (!take_own(fd)) put({fd, static_cast<std::uint32_t>(event.data.u64 >> 32), from_epoll(event.events)});
  }
  return 0;
}

// A signal ends the wait early, as with poll(2).
int Poller::wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) {
  beside_.clear();
  beside_.push_back({epoll_.get(), POLLIN, 0});
  for (const ExtraDescriptor& one : extra) {
    const int wanted = ((one.wanted & kEventRead) ? POLLIN : 0) | ((one.wanted & kEventWrite) ? POLLOUT : 0);
    beside_.push_back({one.fd, static_cast<short>(wanted), 0});
  }
  const int count = ::poll(beside_.data(), beside_.size(), timeout_ms);
  const int error = count < 0 && errno != EINTR ? errno : 0;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    const short ready = count > 0 ? beside_[i + 1].revents : short{0};
    extra[i].ready =
        static_cast<std::uint8_t>(((ready & POLLIN) ? kEventRead : 0) | ((ready & POLLOUT) ? kEventWrite : 0) |
                                  ((ready & (POLLERR | POLLHUP | POLLNVAL)) ? kEventError : 0));
  }
  if (count > 0 && beside_[0].revents != 0 && !has_ready()) return wait(0);
  return error;
}

void Poller::wakeup() const {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full, so a wakeup is pending already.
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Poller::take_event() {
  std::uint64_t count = 0;
  ssize_t size = 0;
  do size = ::read(event_.get(), &count, sizeof count);
  while (size < 0 && errno == EINTR);
  if (size > 0) set_woken();
}

void Poller::take_expiry() {
  std::uint64_t count = 0;
  while (::read(timer_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  timer_at_.reset();
}

bool Poller::take_own(int fd) {
  if (fd == event_.get()) {
    take_event();
  } else if (fd == timer_.get()) {
    take_expiry();
  } else {
    return false;
  }
  return true;
}

void Poller::set_timer(std::optional<Instant> at) {
  if (!at || (timer_at_ && *timer_at_ <= *at)) return;
  timer_at_ = at;
  // An absolute time of zero would disarm the timer.
  const auto since_boot = std::max(at->time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  itimerspec when = {};
  when.it_value.tv_sec = static_cast<time_t>(seconds.count());
  when.it_value.tv_nsec = static_cast<long>((since_boot - seconds).count());
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace sluice::net
