// See mode_run.hpp.
#include "tests/sim/mode_run.hpp"

#include <utility>
#include <vector>

namespace sluice::simtest {

namespace {

constexpr std::uint64_t kMostSteps = 1'000'000;
constexpr Duration kLongest = std::chrono::hours(24);

}  // namespace

RunResult ModeRun::go() {
  sim::World& in = world();
  const Instant until = in.now().steady + kLongest;
  while (!finding_ && in.step()) {
    if (in.steps() > kMostSteps || in.now().steady > until) report("endless", "the run does not end");
  }
  check_end();
  show_trace();
  return {finding_, in.trace_hash(), in.steps()};
}

sim::WorldOptions ModeRun::options(std::uint64_t seed) {
  sim::WorldOptions options;
  options.seed = Seed{seed};
  options.application = this;
  options.keep_trace = each_line_ != nullptr;
  options.after_step = [this](sim::World&) {
    show_trace();
    after_step();
  };
  return options;
}

void ModeRun::report(std::string oracle, std::string message) {
  if (!finding_) finding_ = Finding{std::move(oracle), std::move(message)};
}

void ModeRun::show_trace() {
  if (!each_line_) return;
  for (const std::vector<std::string>& lines = world().trace(); shown_ < lines.size(); ++shown_)
    each_line_(lines[shown_]);
}

bool one_in(Random& random, std::uint64_t n) { return random.below(n) == 0; }

sim::PerMille share(Random& random) {
  const bool never = one_in(random, 2);
  const auto drawn = static_cast<sim::PerMille>(100 + random.below(500));
  return never ? sim::PerMille{0} : drawn;
}

}  // namespace sluice::simtest
