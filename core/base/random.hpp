// Random numbers from a seed: the same seed gives the same numbers on every machine, so runs can be repeated. For
// simulations and tests. Not for keys: TLS has its own source.
#pragma once

#include <array>
#include <cstdint>

#include "../types.hpp"

namespace sluice {

// xoshiro256** 1.0 (Blackman and Vigna); its state is filled by splitmix64.
class Random {
 public:
  explicit Random(Seed seed);
  // At least one number must not be zero.
  explicit Random(const std::array<std::uint64_t, 4>& state);

  std::uint64_t next_u64();
  // 0 <= result < n; all are equally likely. Needs n > 0.
  std::uint64_t below(std::uint64_t n);
  void fill(MutableBytes out);

 private:
  std::array<std::uint64_t, 4> state_;
};

// One step of splitmix64: to derive seeds from a seed. Changes `state`.
std::uint64_t splitmix64(std::uint64_t& state);

}  // namespace sluice
