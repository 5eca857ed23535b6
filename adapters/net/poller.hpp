// The Waiter of the system: one epoll descriptor with all watches, an eventfd for wakeup(), and a timerfd for programs
// that wait on fd() only. Knows descriptors and generations. Leaves their meaning to adapters/multi/watches.hpp.
#pragma once

#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/net/descriptor.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::net {

class Poller final : public Waiter {
 public:
  // Errors: too_many_descriptors, internal.
  static Result<Poller> create();
  Poller(Poller&&) noexcept = default;

  int fd() const override { return epoll_.get(); }
  int add(int fd, std::uint8_t events, std::uint32_t generation) override;
  int modify(int fd, std::uint8_t events, std::uint32_t generation) override;
  int remove(int fd) override;

  int wait(int timeout_ms) override;
  int look() override { return wait(0); }
  int wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) override;

  void wakeup() const override;
  int wakeup_fd() const override { return event_.get(); }
  void take_event() override;

  void set_timer(std::optional<Instant> at) override;

 private:
  Poller(Descriptor epoll, Descriptor event, Descriptor timer)
      : epoll_(std::move(epoll)), event_(std::move(event)), timer_(std::move(timer)) {}
  int control(int operation, int fd, std::uint8_t events, std::uint32_t generation);
  bool take_own(int fd);
  void take_expiry();

  Descriptor epoll_;
  Descriptor event_;
  Descriptor timer_;
  std::optional<Instant> timer_at_;  // the time that timer_ is set to; nullopt: not set
  std::array<epoll_event, kBatch> fetched_ = {};
  std::vector<pollfd> beside_;  // for wait_beside()
};

}  // namespace sluice::net
