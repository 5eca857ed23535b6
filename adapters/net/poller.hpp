// One epoll descriptor that holds every watch, the eventfd behind wakeup(), and a timerfd for those who wait on fd() alone.
// Level-triggered: what is not read stays ready. Knows descriptors and generations; what a descriptor is for belongs to
// adapters/multi/watches.hpp.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>

#include "adapters/net/descriptor.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::net {

inline constexpr std::uint8_t kRead = 1;
inline constexpr std::uint8_t kWrite = 2;
inline constexpr std::uint8_t kError = 4;  // reported, never asked for

struct Ready {
  int fd = -1;
  std::uint32_t generation = 0;  // as given to add(): tells an event of a closed descriptor from one of its successor
  std::uint8_t events = 0;
};

class Poller {
 public:
  static Result<Poller> create();

  int fd() const { return epoll_.get(); }
  // Answer 0 or errno. A descriptor that is closed leaves by itself.
  int add(int fd, std::uint8_t events, std::uint32_t generation);
  int modify(int fd, std::uint8_t events, std::uint32_t generation);
  int remove(int fd);

  // Fetches the next batch; timeout -1: for as long as it takes. Legal when the last batch was taken whole
  // (!has_ready()). Answers 0 or errno; a signal is 0 and an empty batch.
  int wait(int timeout_ms);
  bool has_ready() const { return next_ < count_; }
  std::optional<Ready> next();
  bool batch_was_full() const { return full_; }  // there may be more than it holds

  void wakeup() const;  // any thread
  int wakeup_fd() const { return event_.get(); }
  void take_event();  // makes it unreadable again, and take_woken() true
  bool take_woken();  // a wakeup was seen by wait() since the last call

  // fd() becomes readable at `at`, at the latest: an earlier timer that is set already is left to run out, which costs one needless
  // call of whoever waits, and saves a system call each time a deadline moves away.
  void set_timer(std::optional<Instant> at);

 private:
  static constexpr std::size_t kBatch = 256;
  Poller(Descriptor epoll, Descriptor event, Descriptor timer)
      : epoll_(std::move(epoll)), event_(std::move(event)), timer_(std::move(timer)) {}
  int control(int operation, int fd, std::uint8_t events, std::uint32_t generation);
  bool take_own(int fd);
  void take_expiry();

  Descriptor epoll_;
  Descriptor event_;
  Descriptor timer_;
  std::optional<Instant> timer_at_;  // what timer_ is set to; none: it is not
  std::array<epoll_event, kBatch> batch_ = {};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  bool full_ = false;
  bool woken_ = false;
};

}  // namespace sluice::net
