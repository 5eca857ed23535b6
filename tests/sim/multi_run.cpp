// See multi_run.hpp.
#include "tests/sim/multi_run.hpp"

#include <dirent.h>

#include "tests/sim/multi_plan.hpp"
#include "tests/sim/multi_world.hpp"

namespace sluice::simtest {
namespace {

// Those of this process that are open.
int count_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return -1;
  int count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

}  // namespace

std::optional<std::string> run_multi_seed(std::uint64_t seed) {
  driven::tls_trust();  // whatever is made once a process is there before descriptors are counted
  const driven::Plan plan = driven::draw_plan(seed);
  const int before = count_descriptors();
  std::string failure = driven::World(plan).run();
  const int after = count_descriptors();
  if (failure.empty() && after != before)
    failure = "no descriptor leaks: " + std::to_string(before) + " before, " + std::to_string(after) + " after";
  if (failure.empty()) return std::nullopt;
  return failure;
}

std::string describe_multi_seed(std::uint64_t seed) { return driven::describe(driven::draw_plan(seed)); }

}  // namespace sluice::simtest
