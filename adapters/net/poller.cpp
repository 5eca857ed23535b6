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
  if (events & kRead) out |= EPOLLIN;
  if (events & kWrite) out |= EPOLLOUT;
  return out;
}

std::uint8_t from_epoll(std::uint32_t events) {
  std::uint8_t out = 0;
  if (events & (EPOLLIN | EPOLLRDHUP)) out |= kRead;
  if (events & EPOLLOUT) out |= kWrite;
  if (events & (EPOLLERR | EPOLLHUP)) out |= kError;
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
    if (const int error = poller.add(fd, kRead, 0); error != 0) {
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
  next_ = 0;
  count_ = 0;
  full_ = false;
  const int count = ::epoll_wait(epoll_.get(), batch_.data(), static_cast<int>(kBatch), timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : errno;
  count_ = static_cast<std::size_t>(count);
  full_ = count_ == kBatch;
  // The two of our own are taken here so that has_ready() speaks of watches only.
  const auto begin = batch_.begin();
  const auto end = std::remove_if(begin, begin + count, [&](const epoll_event& event) {
    return take_own(static_cast<int>(event.data.u64 & 0xffff'ffff));
  });
  count_ = static_cast<std::size_t>(end - begin);
  return 0;
}

std::optional<Ready> Poller::next() {
  if (!has_ready()) return std::nullopt;
  const epoll_event& event = batch_[next_++];
  return Ready{static_cast<int>(event.data.u64 & 0xffff'ffff), static_cast<std::uint32_t>(event.data.u64 >> 32),
               from_epoll(event.events)};
}

void Poller::wakeup() const {
  const std::uint64_t one = 1;
  // EAGAIN: the counter is full, so a wakeup is pending already.
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Poller::take_event() {
  std::uint64_t count = 0;
  ssize_t size = 0;
  do size = ::read(event_.get(), &count, sizeof count);
  while (size < 0 && errno == EINTR);
  if (size > 0) woken_ = true;
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
  // An absolute zero would disarm it.
  const auto since_boot = std::max(at->time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  itimerspec when = {};
  when.it_value.tv_sec = static_cast<time_t>(seconds.count());
  when.it_value.tv_nsec = static_cast<long>((since_boot - seconds).count());
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

bool Poller::take_woken() { return std::exchange(woken_, false); }

}  // namespace sluice::net
