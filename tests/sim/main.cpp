// sluice_sim: see command.hpp.
#include "tests/sim/command.hpp"
#include "tests/sim/http2/run.hpp"
#include "tests/sim/limits/run.hpp"
#include "tests/sim/multi/run.hpp"
#include "tests/sim/names/run.hpp"
#include "tests/sim/proxies/run.hpp"
#include "tests/sim/resumes/run.hpp"
#include "tests/sim/scale.hpp"
#include "tests/sim/streams.hpp"

int main(int argc, char** argv) {
  using namespace sluice::simtest;
  return sim_main(argc, argv,
                  {.scale = run_scale,
                   .streams = run_streams,
                   .others = {{"--multi", run_multi_seed, describe_multi_seed},
                              {"--limits", run_limits_seed, describe_limits_seed},
                              {"--http2", run_http2_seed, describe_http2_seed},
                              {"--resumes", run_resumes_seed, describe_resumes_seed},
                              {"--names", run_names_seed, describe_names_seed},
                              {"--proxies", run_proxies_seed, describe_proxies_seed}}});
}
