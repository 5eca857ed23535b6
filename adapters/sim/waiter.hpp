// The Waiter of a program in a simulated world: while it waits, the world runs event by event, until a watched
// descriptor is ready or the time is over. So waiting advances the clock; other calls advance it only a little.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>

#include "adapters/sim/host.hpp"

namespace sluice::sim {

class VirtualWaiter final : public Waiter {
 public:
  explicit VirtualWaiter(Host& host);
  ~VirtualWaiter() override;

  int fd() const override { return fd_; }
  int add(int fd, std::uint8_t events, std::uint32_t generation) override;
  int modify(int fd, std::uint8_t events, std::uint32_t generation) override;
  int remove(int fd) override;
  int wait(int timeout_ms) override { return wait_beside({}, timeout_ms); }
  int look() override;
  // For descriptors that this world does not know it reports kEventError, as poll(2) does for closed ones.
  int wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) override;

  void wakeup() const override { rung_ = true; }
  int wakeup_fd() const override { return wakeup_fd_; }
  void take_event() override;
  void set_timer(std::optional<Instant> at) override;

 private:
  struct Watch {
    std::uint64_t life = 0;
    std::uint8_t events = 0;
    std::uint32_t generation = 0;
  };
  struct Bell final : Source {
    explicit Bell(const VirtualWaiter& of) : waiter(of) {}
    std::uint8_t ready() const override { return waiter.rung_ ? kEventRead : kEventNone; }
    const VirtualWaiter& waiter;
  };
  struct All final : Source {
    explicit All(const VirtualWaiter& of) : waiter(of) {}
    std::uint8_t ready() const override { return waiter.has_something() ? kEventRead : kEventNone; }
    const VirtualWaiter& waiter;
  };

  std::uint8_t ready_of(int fd, const Watch& watch) const;
  bool has_something() const;
  bool fetch();
  bool look_beside(std::span<ExtraDescriptor> extra) const;

  Host& host_;
  const Bell bell_{*this};
  const All all_{*this};
  const int wakeup_fd_;
  const int fd_;
  std::map<int, Watch> watched_;
  std::optional<Instant> timer_at_;
  mutable std::atomic<bool> rung_ = false;
};

}  // namespace sluice::sim
