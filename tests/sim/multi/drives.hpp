// Every way to drive a Multi, one step at a time, carefully or carelessly as the plan says; and a sink that checks what
// it is told. Leaves transfers to world.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/sim/multi/plan.hpp"

namespace sluice::simtest::driven {

class World;

class Drives final : public WatchSink {
 public:
  explicit Drives(World& world);
  ~Drives() override = default;

  // Waits at most `longest` in the current way of driving, and drives if that way says so.
  void step(Duration longest);
  // Checks what is watched, as the sink and fdset() see it.
  void check_watches();
  // Call it right before or after the Multi is destroyed.
  void check_all_removed();
  bool watches(int fd) const { return attached_ && table_.contains(fd); }
  void attach(bool on);
  void attach_again();  // if it is attached

  void on_watch(int fd, std::uint8_t events, void* assigned) override;
  void on_timer(std::optional<Instant> at) override;

 private:
  struct Watch {
    std::uint8_t events = 0;
    void* assigned = nullptr;
  };
  void switch_kind();
  void by_poll(Duration longest);
  Result<PollResult> poll_beside(std::chrono::milliseconds wait);
  void by_select(Duration longest);
  void by_sockets(Duration longest);
  void by_fd(Duration longest);
  void hand_in_stale();
  void needless();
  Drive perform(bool asked_for);
  Drive action(int fd, std::uint8_t events, bool asked_for);

  World& world_;
  Random random_;
  DriveKind kind_;
  bool attached_ = false, attaching_ = false;
  std::map<int, Watch> table_;
  std::optional<Instant> timer_at_;
  int tokens_[8] = {};              // assign() gets pointers to these
  std::unique_ptr<Waiter> own_[2];  // of the application; the second's wakeup descriptor is readable
  std::vector<int> seen_;           // descriptors that were watched once
};

}  // namespace sluice::simtest::driven
