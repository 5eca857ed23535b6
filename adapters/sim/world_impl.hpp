// The implementation of the simulated world: makes the parts, and runs one event after another, each at its time.
// Leaves what happens to the parts:
//   clock, journal, chance    the time, what is written down, and draws that are not the network's
//   directory, names          which host has which addresses, and the look-ups
//   network                   connections
//   engine_driver             the world's own engine at one end of them
//   program                   a program with a Multi in its place
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "adapters/sim.hpp"
#include "adapters/sim/chance.hpp"
#include "adapters/sim/clock.hpp"
#include "adapters/sim/collector.hpp"
#include "adapters/sim/directory.hpp"
#include "adapters/sim/engine_driver.hpp"
#include "adapters/sim/environment.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/journal.hpp"
#include "adapters/sim/names.hpp"
#include "adapters/sim/network.hpp"
#include "adapters/sim/program.hpp"
#include "adapters/sim/tls_material.hpp"

namespace sluice::sim {

class World::Impl final : private Audience, private Steps {
 public:
  Impl(World& world, WorldOptions options);

  // ---- running ----
  bool step() override;
  RunEnd run(RunLimits limits);
  // Only has an effect outside a step; after each step it is done anyway.
  void settle();
  void call_at(Instant when, std::function<void()> what);

  // ---- calls of the application ----
  Result<TransferId> add(Request request, TransferOptions options);
  void remove(TransferId transfer);
  void supply(TransferId transfer, std::string bytes);
  void pause(TransferId transfer, bool on);

 private:
  friend class World;  // which passes its calls to the parts

  // ---- Audience ----
  void on_output(const Output& output) override { application_->on_output(world_, output); }
  void judge() override;

  // ---- Steps ----
  std::optional<Instant> next_instant() override;
  const Event* next_event() override;

  bool is_current(const Event& event) const;
  void happen(const Event& event);
  void link_event(Link& link, Event::Kind kind);
  void maybe_leap();
  void maybe_needless_timeout();

  World& world_;
  WorldOptions options_;
  Clock clock_;
  Journal journal_;
  Chance chance_;
  EventQueue events_;
  Directory directory_;
  TlsMaterial tls_;
  Names names_;
  Network network_;
  Engine engine_;
  Collector collector_;
  Application* application_;
  EngineDriver driver_;
  Program program_;
  VirtualEnvironment environment_;

  std::map<std::uint64_t, std::function<void()>> calls_;  // by the number of their event
  std::uint64_t steps_ = 0;
  bool busy_ = false;  // inside a step, or inside a call that settles itself
};

}  // namespace sluice::sim
