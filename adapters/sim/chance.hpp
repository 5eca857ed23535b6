// The random decisions of a simulated world outside the network: seeds for everything that draws, jumps of the clock,
// and the faults of a careless driver. Only draws. Leaves to others what follows.
#pragma once

#include <cstdint>
#include <optional>

#include "adapters/sim.hpp"

namespace sluice::sim {

// 0 <= result <= most.
Duration draw_up_to(Random& random, Duration most);
bool draw_chance(Random& random, PerMille chance);

class Chance {
 public:
  enum class Stream : std::uint64_t { application = 2, connection, name, leaps, timeouts, stale, late };

  explicit Chance(Seed seed);

  // Each name, connection and so on has a seed of its own, so that the draws of one do not change those of another.
  Seed seed_of(Stream stream, std::uint64_t number = 0) const;
  Random& application() { return application_; }

  // ---- asked before each step ----
  std::optional<Duration> leap(const Weather& weather);  // how far the clock jumps; nullopt: it does not
  bool needless_timeout(const Weather& weather);

  // The delay before received bytes are read; nullopt: none.
  std::optional<Duration> late_read(const Weather& weather);
  // The delay before facts about a closed connection come; nullopt: none come.
  std::optional<Duration> stale_facts(const Weather& weather);
  Code stale_error();  // for such a connection
  // Whether a canceled question is answered anyway.
  bool stale_answer(const Weather& weather);

 private:
  const Seed seed_;
  Random application_;
  Random leaps_;
  Random timeouts_;
  Random stale_;
  Random late_;
};

}  // namespace sluice::sim
