// See chance.hpp.
#include "adapters/sim/chance.hpp"

#include <chrono>

namespace sluice::sim {
namespace {

constexpr Duration kStaleWithin = std::chrono::milliseconds(200);

}  // namespace

Duration draw_up_to(Random& random, Duration most) {
  if (most <= Duration::zero()) return Duration::zero();
  return Duration(static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

// Always draws a number, so that another probability does not change later draws.
bool draw_chance(Random& random, PerMille chance) { return random.below(1000) < chance; }

Chance::Chance(Seed seed)
    : seed_(seed),
      application_(seed_of(Stream::application)),
      leaps_(seed_of(Stream::leaps)),
      timeouts_(seed_of(Stream::timeouts)),
      stale_(seed_of(Stream::stale)),
      late_(seed_of(Stream::late)) {}

Seed Chance::seed_of(Stream stream, std::uint64_t number) const {
  std::uint64_t state = seed_.value;
  state = splitmix64(state) ^ static_cast<std::uint64_t>(stream);
  state = splitmix64(state) ^ number;
  return Seed{splitmix64(state)};
}

std::optional<Duration> Chance::leap(const Weather& weather) {
  if (!draw_chance(leaps_, weather.leaps)) return std::nullopt;
  return draw_up_to(leaps_, weather.max_leap);
}

bool Chance::needless_timeout(const Weather& weather) { return draw_chance(timeouts_, weather.needless_timeouts); }

std::optional<Duration> Chance::late_read(const Weather& weather) {
  if (!draw_chance(late_, weather.late_reads)) return std::nullopt;
  return draw_up_to(late_, weather.late_by);
}

// Some come at once, some when the id's slot may be used again.
std::optional<Duration> Chance::stale_facts(const Weather& weather) {
  if (!draw_chance(stale_, weather.stale_facts)) return std::nullopt;
  return stale_.below(2) == 0 ? Duration::zero() : draw_up_to(stale_, kStaleWithin);
}

Code Chance::stale_error() { return stale_.below(2) == 0 ? Code::receive_failed : Code::connect_failed; }

bool Chance::stale_answer(const Weather& weather) { return draw_chance(stale_, weather.stale_facts); }

}  // namespace sluice::sim
