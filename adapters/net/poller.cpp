// See poller.hpp.
#include "adapters/net/poller.hpp"

#include <sys/eventfd.h>

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
  Poller poller(std::move(epoll), std::move(event));
  if (const int error = poller.add(poller.event_.get(), kRead, 0); error != 0) {
    errno = error;
    return std::unexpected(set_up_error("epoll_ctl"));
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
  // The eventfd is taken here so that has_ready() speaks of watches only.
  for (std::size_t i = 0; i < count_; ++i) {
    if (static_cast<int>(batch_[i].data.u64 & 0xffff'ffff) != event_.get()) continue;
    take_event();
    batch_[i] = batch_[--count_];
    break;
  }
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
  while (::read(event_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  woken_ = true;
}

bool Poller::take_woken() { return std::exchange(woken_, false); }

}  // namespace sluice::net
