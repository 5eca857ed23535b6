// What the runs of the simulator's other modes have in common: a world with an application of their own, its trace, and
// the first finding. Leaves to the modes what their application does and what must be true.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "adapters/sim.hpp"
#include "tests/sim/run.hpp"

namespace sluice::simtest {

class ModeRun : public sim::Application {
 public:
  // Runs the world until nothing more happens or an oracle has failed.
  RunResult go();

 protected:
  // `each_line` as in run(); it must outlive this object.
  explicit ModeRun(const std::function<void(const std::string&)>& each_line) : each_line_(each_line) {}
  // Options of a world for this run; the weather and the engine's options are added by the mode.
  sim::WorldOptions options(std::uint64_t seed);
  void report(std::string oracle, std::string message);  // only the first one counts

 private:
  virtual sim::World& world() = 0;
  virtual void check_end() = 0;  // nothing more will happen: reports what has not ended
  virtual void after_step() {}   // for oracles
  void show_trace();

  const std::function<void(const std::string&)>& each_line_;
  std::optional<Finding> finding_;
  std::size_t shown_ = 0;
};

// For drawing plans.
bool one_in(Random& random, std::uint64_t n);
// In half of the seeds never; else a probability between a tenth and six tenths.
sim::PerMille share(Random& random);

}  // namespace sluice::simtest
