// RateLimit: how many bytes may pass at which time.
#include "core/base/rate_limit.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

const Instant kRateBegin{1000s};

// Takes all that is allowed, as soon as it is, for this long.
std::uint64_t passes_in(RateLimit& limit, Duration time) {
  std::uint64_t passed = 0;
  Instant now = kRateBegin;
  while (now < kRateBegin + time) {
    const std::size_t allowed = limit.allowed(now);
    REQUIRE(allowed > 0);
    limit.passed(allowed, now);
    passed += allowed;
    REQUIRE(limit.allowed(now) == 0);
    REQUIRE(limit.ready() > now);
    now = limit.ready();
  }
  return passed;
}

}  // namespace

TEST_CASE("rate limit: without a limit everything may pass at once") {
  for (RateLimit limit : {RateLimit(), RateLimit(std::nullopt, kRateBegin), RateLimit(0, kRateBegin)}) {
    CHECK_FALSE(limit.limits());
    CHECK(limit.allowed(kRateBegin) == std::numeric_limits<std::size_t>::max());
    limit.passed(1'000'000'000, kRateBegin);
    CHECK(limit.allowed(kRateBegin) == std::numeric_limits<std::size_t>::max());
  }
}

TEST_CASE("rate limit: what passes in some seconds is the rate times the seconds") {
  for (const std::uint64_t rate : {1ull, 3ull, 19ull, 20ull, 21ull, 1'000ull, 123'457ull, 1'000'000'000ull}) {
    CAPTURE(rate);
    RateLimit limit(rate, kRateBegin);
    const std::uint64_t passed = passes_in(limit, 10s);
    CHECK(passed <= 10 * rate + rate / 10 + 1);
    CHECK(passed + rate / 10 + 1 >= 10 * rate);
  }
}

TEST_CASE("rate limit: after a pause no more may pass than in a tenth of a second") {
  RateLimit limit(100'000, kRateBegin);
  CHECK(limit.allowed(kRateBegin) == 5'000);
  CHECK(limit.allowed(kRateBegin + 1h) == 10'000);
  limit.passed(10'000, kRateBegin + 1h);
  CHECK(limit.allowed(kRateBegin + 1h) == 0);
  CHECK(limit.allowed(kRateBegin + 1h + 49ms) == 0);
  CHECK(limit.allowed(kRateBegin + 1h + 50ms) == 5'000);
}

TEST_CASE("rate limit: more than was allowed is paid for by a longer wait") {
  RateLimit limit(1'000, kRateBegin);
  limit.passed(16'384, kRateBegin);
  CHECK(limit.ready() > kRateBegin + 16s);
  CHECK(limit.ready() < kRateBegin + 17s);
  CHECK(limit.allowed(limit.ready()) > 0);
  CHECK(limit.allowed(limit.ready() - 1ns) == 0);
}

TEST_CASE("rate limit: the greatest rates and sizes do no harm") {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  RateLimit fastest(kMost, kRateBegin);
  CHECK(fastest.allowed(kRateBegin + 1h) > 1'000'000'000);
  fastest.passed(std::numeric_limits<std::size_t>::max(), kRateBegin);
  CHECK(fastest.ready() < kRateBegin + 1s);
  RateLimit slowest(1, Instant());
  slowest.passed(std::numeric_limits<std::size_t>::max(), Instant());
  CHECK(slowest.allowed(kRateBegin) == 0);
  slowest.passed(std::numeric_limits<std::size_t>::max(), Instant::max());
  CHECK(slowest.ready() == Instant::max());
}
