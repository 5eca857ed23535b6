// Fuzzes the scenarios of the simulator. Input: eight bytes are the seed, sixteen the set of features that may be on,
// and each further byte names a transfer to keep (none: all are kept). Oracles: all of tests/sim, after every step and
// at the end; and the same input gives the same trace again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "tests/sim/run.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kMaxKept = 16;

std::uint64_t number(Input& input) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | input.byte();
  return value;
}

simtest::FeatureSet features(Input& input) {
  static_assert(simtest::kFeatures <= 2 * 64);
  const std::uint64_t bits[] = {number(input), number(input)};
  simtest::FeatureSet set;
  for (std::size_t i = 0; i < simtest::kFeatures; ++i) {
    if ((bits[i / 64] >> i % 64 & 1) != 0) set.add(static_cast<simtest::Feature>(i));
  }
  return set;
}

simtest::RunResult run(std::uint64_t seed, const simtest::Reduction& reduction) {
  const simtest::RunResult result = simtest::run(simtest::make_scenario(seed, reduction));
  if (result.finding) broken(result.finding->oracle.c_str(), shown(result.finding->message), __FILE__, __LINE__);
  return result;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::uint64_t seed = fuzz::number(input);
  simtest::Reduction reduction;
  reduction.only = fuzz::features(input);
  if (!input.spent()) {
    std::vector<std::uint32_t> keep;
    while (!input.spent() && keep.size() < fuzz::kMaxKept) keep.push_back(input.byte());
    std::ranges::sort(keep);
    keep.erase(std::ranges::unique(keep).begin(), keep.end());
    reduction.keep = std::move(keep);
  }
  const simtest::RunResult first = fuzz::run(seed, reduction);
  const simtest::RunResult again = fuzz::run(seed, reduction);
  FUZZ_CHECK(first.hash == again.hash && first.steps == again.steps);
  return 0;
}
