// See run.hpp.
#include "tests/sim/multi/run.hpp"

#include "tests/sim/multi/plan.hpp"
#include "tests/sim/multi/world.hpp"

namespace sluice::simtest {
namespace {

constexpr std::uint64_t kTwiceEvery = 16;  // such a seed is run twice, and must give the same trace

}  // namespace

RunResult run_multi_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  const driven::Plan plan = driven::draw_plan(seed);
  driven::World world(plan, each_line);
  std::string failure = world.run();
  if (failure.empty() && seed % kTwiceEvery == 0) {
    driven::World again(plan);
    if (!again.run().empty() || again.environment().world().trace_hash() != world.environment().world().trace_hash())
      failure = "the same seed, the same trace: a second run went another way";
  }
  RunResult result;
  result.hash = world.environment().world().trace_hash();
  result.steps = world.environment().world().steps();
  if (!failure.empty()) result.finding = Finding{"multi", std::move(failure)};
  return result;
}

std::string describe_multi_seed(std::uint64_t seed) { return driven::describe(driven::draw_plan(seed)); }

}  // namespace sluice::simtest
