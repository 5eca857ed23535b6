// The application that is built into a simulated world: takes every body, notes what became of each transfer, and gives
// what World::supply was given.
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
    std::size_t given = 0;  // of it
    bool supplying = false;
    bool paused = false;
  };
  void take_body(World& world, TransferId transfer);
  void give(World& world, TransferId transfer);

  std::map<TransferId, Seen> seen_;
};

}  // namespace sluice::sim
