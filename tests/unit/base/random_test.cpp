// The numbers of a seed never change: a recorded run must stay reproducible.
#include "core/base/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

namespace {
using namespace sluice;

TEST_CASE("splitmix64 gives the published numbers for 1234567") {
  std::uint64_t state = 1234567;
  for (const std::uint64_t expected : {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                       4593380528125082431U, 16408922859458223821U}) {
    CHECK(splitmix64(state) == expected);
  }
}

TEST_CASE("xoshiro256** gives the published numbers for the state 1, 2, 3, 4") {
  Random random(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  for (const std::uint64_t expected : {11520U, 0U, 1509978240U}) CHECK(random.next_u64() == expected);
  CHECK(random.next_u64() == 1215971899390074240U);
}

TEST_CASE("the same seed gives the same numbers, another one others") {
  Random a(Seed{42});
  Random b(Seed{42});
  Random c(Seed{43});
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t value = a.next_u64();
    CHECK(value == b.next_u64());
    differs = differs || value != c.next_u64();
  }
  CHECK(differs);
  CHECK(Random(Seed{0}).next_u64() == 0x99ec5f36cb75f2b4);
}

TEST_CASE("below stays below and reaches every number about as often") {
  Random random(Seed{1});
  std::array<int, 7> seen{};
  for (int i = 0; i < 70'000; ++i) {
    const std::uint64_t value = random.below(7);
    REQUIRE(value < 7);
    ++seen[value];
  }
  for (const int count : seen) CHECK(std::abs(count - 10'000) < 500);
  for (int i = 0; i < 10; ++i) CHECK(random.below(1) == 0);
}

TEST_CASE("below is unbiased where the range does not divide 2^64") {
  // Without rejection, numbers below 2^62 would come twice as often as the rest.
  constexpr std::uint64_t kRange = std::uint64_t{3} << 62;
  Random random(Seed{2});
  int low = 0;
  for (int i = 0; i < 30'000; ++i) low += random.below(kRange) < (std::uint64_t{1} << 62) ? 1 : 0;
  CHECK(std::abs(low - 10'000) < 500);
}

TEST_CASE("fill writes every byte, in the same order on every machine") {
  Random numbers(Seed{9});
  Random bytes(Seed{9});
  std::array<std::uint8_t, 11> out{};
  bytes.fill(out);
  const std::uint64_t first = numbers.next_u64();
  const std::uint64_t second = numbers.next_u64();
  for (std::size_t i = 0; i < 8; ++i) CHECK(out[i] == static_cast<std::uint8_t>(first >> (8 * i)));
  for (std::size_t i = 8; i < 11; ++i) CHECK(out[i] == static_cast<std::uint8_t>(second >> (8 * (i - 8))));
  bytes.fill({});
  CHECK(bytes.next_u64() == numbers.next_u64());  // nothing was drawn for no bytes
}

}  // namespace
