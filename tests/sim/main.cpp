// sluice_sim: see command.hpp.
#include "tests/sim/command.hpp"
#include "tests/sim/multi/run.hpp"
#include "tests/sim/scale.hpp"

int main(int argc, char** argv) {
  using namespace sluice::simtest;
  return sim_main(argc, argv, {.scale = run_scale, .multi = run_multi_seed, .describe_multi = describe_multi_seed});
}
