// How scenarios are drawn: each part from a seed of its own; values of features that are off are drawn too and have no
// effect. Leaves what is drawn to swarm.cpp and scenario.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "core/base/random.hpp"
#include "tests/sim/scenario/features.hpp"

namespace sluice::simtest {

struct OriginPlan;
struct Scenario;
struct TransferPlan;

// Draws of one part of a scenario.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t part, FeatureSet on) : random_(Seed{mixed(seed, part)}), on_(on) {}

  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[below(from.size())];
  }
  // If the feature is off, the draw is made and has no effect.
  template <class T>
  void set(Feature feature, T& what, T drawn) {
    if (on_.has(feature)) what = std::move(drawn);
  }
  bool has(Feature feature) const { return on_.has(feature); }
  // Mostly small: 1 to `most`, each power of two equally likely.
  std::size_t size(std::size_t most) {
    std::uint64_t bits = 0;
    while ((most >> bits) > 1) ++bits;
    const std::uint64_t bound = std::uint64_t{2} << below(bits + 1);
    return static_cast<std::size_t>(1 + below(std::min<std::uint64_t>(bound, most)));
  }

 private:
  static std::uint64_t mixed(std::uint64_t seed, std::uint64_t part) {
    std::uint64_t state = seed ^ (part * 0x9e37'79b9'7f4a'7c15u);
    return splitmix64(state);
  }
  Random random_;
  FeatureSet on_;
};

enum Part : std::uint64_t {
  kSwarm = 1,
  kWeather,
  kEngine,
  kOrigins = 100,
  kTransfers = 1000,
  kOddities = 1'000'000'000,
  kMultiplexing = 2'000'000'000,
  kMuxOrigins = 2'000'000'100,
  kMuxTransfers = 2'000'001'000,
  kRules = 3'000'000'000,  // and from 1000 on, for each transfer
  kRedirects = 4'000'000'000,
  kRetries = 5'000'000'000,
  kGuards = 6'000'000'000,
  kLogins = 6'000'001'000,
};

// The features of a seed. In swarm.cpp.
FeatureSet draw_swarm(std::uint64_t seed);

// In multiplexing.cpp; without the feature they do nothing. The first draws the number of transfers and how a session
// begins, before the transfers; the others what multiplexes, after everything else.
void draw_mux_engine(Scenario& scenario);
void multiplex(Scenario& scenario);

// In scenario.cpp.
OriginPlan draw_origin(std::uint64_t seed, std::size_t index, FeatureSet on);
// How many bytes a body may have: if bytes move one by one, few.
std::size_t byte_budget(const Scenario& scenario);
void draw_reply(Draw& draw, const Scenario& scenario, std::size_t budget, TransferPlan& plan);

// In hops.cpp: draws what makes further hops of the transfers, after everything else. Only HTTP/1 has it.
void draw_hops(Scenario& scenario);

}  // namespace sluice::simtest
