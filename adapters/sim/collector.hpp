// The built-in application of a simulated world: consumes every body, records the result of each transfer, and gives
// the bytes of World::supply() to the engine. Leaves everything else to the world.
#pragma once

#include <map>
#include <string>

#include "adapters/sim.hpp"

namespace sluice::sim {

class Collector final : public Application {
 public:
  void on_output(World& world, const Output& output) override;

  void supply(World& world, TransferId transfer, std::string bytes);
  void pause(World& world, TransferId transfer, bool on);
  const Outcome& outcome(TransferId transfer) const;

 private:
  struct Seen {
    Outcome outcome;
    std::string supply;
    std::size_t given = 0;  // bytes of it that were given
    bool supplying = false;
    bool paused = false;
  };
  void take_body(World& world, TransferId transfer);
  void give(World& world, TransferId transfer);

  std::map<TransferId, Seen> seen_;
};

}  // namespace sluice::sim
