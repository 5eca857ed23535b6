// See rate_limit.hpp.
#include "core/base/rate_limit.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/base/timers.hpp"

namespace sluice {

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPortionsPerSecond = 20;
constexpr std::uint64_t kMaxPortion = 16 * 1024;
constexpr Duration kBurst = std::chrono::milliseconds(100);
constexpr std::uint64_t kMostAtOnce = 8'000'000'000;  // bytes; times kSecond they fit into 64 bits

}  // namespace

RateLimit::RateLimit(std::optional<std::uint64_t> bytes_per_second, Instant now)
    : rate_(bytes_per_second.value_or(0)), paid_(now) {
  if (limits()) paid_ -= std::min(time_for(portion()), paid_ - Instant());
}

std::size_t RateLimit::portion() const {
  return static_cast<std::size_t>(std::clamp(rate_ / kPortionsPerSecond, std::uint64_t{1}, kMaxPortion));
}

// Rounded up, so that rounding lets nothing pass.
Duration RateLimit::time_for(std::size_t bytes) const {
  if (!limits()) return Duration::zero();
  const std::uint64_t product = std::min(std::uint64_t{bytes}, kMostAtOnce) * kSecond;
  const std::uint64_t time = product / rate_ + (product % rate_ != 0 ? 1 : 0);
  return Duration(static_cast<Duration::rep>(time));
}

// Two portions, where they need more time: else nothing would ever be allowed.
Duration RateLimit::burst() const { return std::max(kBurst, 2 * time_for(portion())); }

std::size_t RateLimit::allowed(Instant now) const {
  if (!limits()) return std::numeric_limits<std::size_t>::max();
  if (now < ready()) return 0;
  const auto unused = static_cast<std::uint64_t>(std::min(now - paid_, burst()).count());
  return static_cast<std::size_t>(rate_ / kSecond * unused + rate_ % kSecond * unused / kSecond);
}

void RateLimit::passed(std::size_t bytes, Instant now) {
  if (!limits()) return;
  if (now - paid_ > burst()) paid_ = now - burst();
  paid_ = Timers::later(paid_, time_for(bytes));
}

Instant RateLimit::ready() const { return Timers::later(paid_, time_for(portion())); }

}  // namespace sluice
