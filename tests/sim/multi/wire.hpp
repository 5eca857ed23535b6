// The near ends of the streams of a run: connections of the simulated world as custom transports and as TCP, with
// faults in addition to the weather's. Some have a descriptor, others hide it and give signals.
//
// Everything runs in the thread that drives the Multi, in virtual time. Knows the plan of lines. Leaves transfers and
// their results to world.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/sim.hpp"
#include "adapters/transport.hpp"
#include "tests/sim/multi/plan.hpp"

namespace sluice::simtest::driven {

class NearEnd;

// What all streams of a run share: the world, the open transports, the faults so far.
class SimEnvironment final : public Environment {
 public:
  SimEnvironment(const Plan& plan, bool keeps_trace);
  ~SimEnvironment() override;
  SimEnvironment(const SimEnvironment&) = delete;
  SimEnvironment& operator=(const SimEnvironment&) = delete;

  // ---- Environment: the world's, but streams are near ends ----
  Instant steady() const override { return world_.now().steady; }
  Now now() const override { return world_.now(); }
  Result<std::unique_ptr<Waiter>> make_waiter() override { return world_.environment().make_waiter(); }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) override;
  std::unique_ptr<Transport> tcp(const Address& address) override;

  const Plan& plan() const { return plan_; }
  sim::World& world() { return world_; }
  void add_origin(std::size_t origin, sim::Accept accept);
  void raise_numbers();  // descriptors that are opened from here on have numbers above FD_SETSIZE
  // A stream of a route.
  std::unique_ptr<Transport> dial(std::size_t origin, TransportSignal signal);

  // The first failure is kept.
  void fail(std::string_view oracle, std::string_view what);
  const std::string& failure() const { return failure_; }

  void happened(std::size_t origin, Fault fault) { faults_[origin] |= 1u << static_cast<unsigned>(fault); }
  bool has_happened(std::size_t origin, Fault fault) const;  // made by a near end, or in the world

  // Counts real progress: if it does not change during a drive, the drive had nothing to do.
  void progress() { ++progress_; }
  std::uint64_t progress_made() const { return progress_; }

  // After an unneeded signal or a call of the application, a drive that has nothing to do is allowed.
  void excuse_idle_drive() { ++excused_; }
  int excused_idle_drives() const { return excused_; }

  void later(Instant when, std::function<void()> what);
  // Gives the signals of hidden descriptors that are ready. True: a signal was given.
  bool pump();
  void listen(NearEnd& end, int fd, std::uint8_t events);  // once
  void stop_listening(int fd);

  // Keeps the list of existing transports.
  void entered(NearEnd* end);
  void left(NearEnd* end);
  std::size_t streams() const { return near_ends_.size(); }
  std::size_t streams(std::size_t origin) const;
  std::size_t waiting_for_signals() const;
  bool has_shown(int fd) const;  // an existing transport, or the resolver
  bool is_open(int fd);          // a descriptor of the world
  // Asked when a transport is destroyed: whether its descriptor is still watched.
  std::function<bool(int)> is_watched;

  void keep(TransportSignal signal) { kept_signals_.push_back(std::move(signal)); }
  // A transport may do this at any moment, also after its Multi is gone.
  void give_old_signals() const;

 private:
  struct Listener {
    int fd;
    NearEnd* end;
    std::uint8_t events;
  };
  void check_limits(std::size_t origin, std::size_t of_route);

  const Plan& plan_;
  sim::World world_;
  std::unique_ptr<Waiter> hidden_;                // watches hidden descriptors
  std::vector<std::unique_ptr<Waiter>> fillers_;  // so that numbers are above FD_SETSIZE
  std::vector<Listener> listeners_;
  std::set<int> of_resolver_;  // descriptors that it has watched so far
  std::string failure_;
  std::vector<unsigned> faults_;
  std::vector<std::uint64_t> dialled_;
  std::uint64_t progress_ = 0;
  int excused_ = 0;
  std::vector<NearEnd*> near_ends_;
  std::vector<TransportSignal> kept_signals_;
};

class NearEnd final : public Transport {
 public:
  // `signal` null: for TCP, which has no signal.
  NearEnd(SimEnvironment& environment, std::size_t origin, std::uint64_t number, std::unique_ptr<Transport> inner,
          TransportSignal signal);
  ~NearEnd() override;
  Result<Opening> open() override;
  int fd() const override;
  Transferred receive(MutableBytes space) override;
  Transferred send(std::span<const Bytes> pieces) override;
  std::string describe(int error) const override;
  std::size_t origin() const { return origin_; }
  bool has_shown(int fd) const;
  bool waits_for_signal() const { return signal_ && (fd() < 0 || (!opened_ && said_signal_)); }
  void heard(std::uint8_t events);  // events of a hidden descriptor

 private:
  // What open() waits for, one thing after another.
  enum class Step : std::uint8_t { signal, event };
  struct Gate {
    bool ready = false;
    std::unique_ptr<Waiter> event = {};  // fd() returns its wakeup descriptor
  };
  void plan_opening();
  void arm(Step step);
  Result<Opening> pass_steps();
  const LinePlan& line() const { return environment_.plan().origins[origin_].line; }
  void ring();
  void ring_later(Duration most);
  bool blocks();
  std::size_t limit(std::size_t most);
  std::optional<Transferred> over(std::size_t space);

  SimEnvironment& environment_;
  const std::size_t origin_;
  std::unique_ptr<Transport> inner_;
  const TransportSignal signal_;
  Random random_;

  std::vector<Step> steps_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  bool hidden_ = false, armed_ = false, opened_ = false, said_signal_ = false;
  bool inner_began_ = false;
  std::optional<Fault> fault_;
  std::size_t fault_at_ = 0;
  bool half_ = false;  // an early end of one direction only
  std::size_t moved_ = 0, drips_ = 0;
  bool fault_told_ = false;
};

// The route to one origin.
class LineDialer final : public Dialer {
 public:
  LineDialer(SimEnvironment& environment, std::size_t origin);
  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) override;

 private:
  SimEnvironment& environment_;
  const std::size_t origin_;
};

}  // namespace sluice::simtest::driven
