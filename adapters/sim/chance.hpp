// What chance does in a simulated world beside the network: seeds for everything that draws, leaps of the clock, and
// what a careless driver would do. Draws; leaves to others what follows.
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

  // One for each name, connection and so on, so that what one of them draws moves nothing elsewhere.
  Seed seed_of(Stream stream, std::uint64_t number = 0) const;
  Random& application() { return application_; }

  // ---- asked before each step ----
  std::optional<Duration> leap(const Weather& weather);  // by so much; null: none
  bool needless_timeout(const Weather& weather);

  // What has come is read so much later; null: now.
  std::optional<Duration> late_read(const Weather& weather);
  // Facts about a connection that was closed come so much later; null: none.
  std::optional<Duration> stale_facts(const Weather& weather);
  Code stale_error();  // of such a connection
  // A question that was called off is answered all the same.
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
