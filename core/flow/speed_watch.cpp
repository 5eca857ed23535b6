// See speed_watch.hpp.
#include "core/flow/speed_watch.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace sluice::flow {

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max() / 16;  // eight of them can be added

std::uint64_t in_period(std::uint64_t rate, Duration period) {
  constexpr auto kSecond = static_cast<std::uint64_t>(Duration(std::chrono::seconds(1)).count());
  const auto time = static_cast<std::uint64_t>(period.count());
  const std::uint64_t seconds = time / kSecond, rest = time % kSecond;
  if (seconds >= kMost / rate) return kMost;
  return std::clamp(seconds * rate + rate / kSecond * rest + rate % kSecond * rest / kSecond, std::uint64_t{1}, kMost);
}

}  // namespace

SpeedWatch::SpeedWatch(std::uint64_t low_rate, Duration period)
    : needed_(in_period(low_rate, period)),
      step_(std::max(period / Duration::rep{kSteps}, Duration(std::chrono::milliseconds(1)))) {}

void SpeedWatch::begin(std::uint64_t moved) {
  moved_ = moved;
  steps_ = 0;
}

bool SpeedWatch::is_too_slow(std::uint64_t moved, bool excused) {
  const std::uint64_t now = std::min(moved - std::min(moved, moved_), kMost);
  moved_ = moved;
  last_[steps_ % kSteps] = excused ? needed_ : now;
  ++steps_;
  if (steps_ < kSteps) return false;
  std::uint64_t sum = 0;
  for (const std::uint64_t bytes : last_) sum += bytes;
  return sum < needed_;
}

}  // namespace sluice::flow
