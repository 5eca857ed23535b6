// The random draws of a simulated world, except the network's.
#include "adapters/sim/chance.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace sluice;
using namespace sluice::sim;
using namespace std::chrono_literals;

TEST_CASE("sim chance: never and always") {
  Chance chance(Seed{1});
  const Weather calm;
  const Weather wild{.stale_facts = 1000,
                     .needless_timeouts = 1000,
                     .late_reads = 1000,
                     .late_by = 3ms,
                     .leaps = 1000,
                     .max_leap = 5s};
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(chance.leap(calm));
    CHECK_FALSE(chance.needless_timeout(calm));
    CHECK_FALSE(chance.late_read(calm));
    CHECK_FALSE(chance.stale_facts(calm));
    CHECK_FALSE(chance.stale_answer(calm));
    CHECK(chance.leap(wild).value() <= 5s);
    CHECK(chance.needless_timeout(wild));
    CHECK(chance.late_read(wild).value() <= 3ms);
    CHECK(chance.stale_facts(wild).value() <= 200ms);
    CHECK(chance.stale_answer(wild));
  }
}

TEST_CASE("sim chance: one kind of draw moves no other") {
  Chance quiet(Seed{7}), busy(Seed{7});
  const Weather weather{.stale_facts = 500, .leaps = 500};
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(busy.application().next_u64());
    static_cast<void>(busy.stale_facts(weather));
    CHECK(quiet.leap(weather) == busy.leap(weather));
  }
}

TEST_CASE("sim chance: each thing that draws has a seed of its own") {
  const Chance chance(Seed{1}), other(Seed{2});
  std::set<std::uint64_t> seeds;
  for (std::uint64_t number = 0; number < 100; ++number) {
    seeds.insert(chance.seed_of(Chance::Stream::name, number).value);
    seeds.insert(chance.seed_of(Chance::Stream::connection, number).value);
    seeds.insert(other.seed_of(Chance::Stream::name, number).value);
  }
  CHECK(seeds.size() == 300);
}
