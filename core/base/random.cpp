// See random.hpp.
#include "core/base/random.hpp"

#include <bit>

#include "core/base/check.hpp"

namespace sluice {

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e37'79b9'7f4a'7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
  return z ^ (z >> 31);
}

// Four zeros are the one state that never changes; splitmix64 does not give four zeros in a row.
Random::Random(Seed seed) : state_{} {
  for (std::uint64_t& word : state_) word = splitmix64(seed.value);
}

Random::Random(const std::array<std::uint64_t, 4>& state) : state_(state) {
  SLUICE_CHECK((state[0] | state[1] | state[2] | state[3]) != 0);
}

std::uint64_t Random::next_u64() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t n) {
  SLUICE_CHECK(n > 0);
  // 2^64 mod n. The numbers below it are left out, so that each remainder belongs to equally many numbers.
  const std::uint64_t uneven = (0 - n) % n;
  std::uint64_t value = next_u64();
  while (value < uneven) value = next_u64();
  return value % n;
}

void Random::fill(MutableBytes out) {
  while (!out.empty()) {
    std::uint64_t word = next_u64();
    const std::size_t count = out.size() < 8 ? out.size() : 8;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<std::uint8_t>(word & 0xff);  // lowest byte first, on every machine
      word >>= 8;
    }
    out = out.subspan(count);
  }
}

}  // namespace sluice
