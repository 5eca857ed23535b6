// Which features a seed has: some at random, some because they need others, some for a theme.
#include <vector>

#include "tests/sim/scenario/draw.hpp"

namespace sluice::simtest {
namespace {

// Some features are useful mostly together with others: closing a reused connection needs several transfers one after
// another, a full buffer needs large bodies and a slow reader.
void add_company(Draw& draw, bool may_harm, FeatureSet& on) {
  using enum Feature;
  struct Company {
    Feature of;
    std::vector<Feature> others;
  };
  static const std::vector<Company> companies = {
      {peeks, {partial_reads, pauses, origin_faults, total_timeouts}},
      {large, {pauses, partial_reads, uploads, streams, slow_sources}},
      {bandwidth, {idle_timeouts}},
      {idle_closes, {chains, methods, uploads}},
      {early, {uploads, streams, slow_sources, small_window, far}},
      {early_ok, {uploads, streams, slow_sources, small_window}},
      {many_names, {slow_names, stale_facts}},
      {tls, {until_close, closes_early, tls12, tls_configs, bad_certificates, chains}},
      {twin_ports, {chains}},
      {origin_faults, {methods, chains}},
      {second_responses, {chains, total_limit}},
      {source_fails, {uploads, streams}},
      {expects, {uploads}},
      {slow_sources, {uploads, streams}},
      {early, {late_reads, origin_faults}},
      {idle_timeouts, {large, pauses}},
  };
  for (const Company& company : companies) {
    for (const Feature other : company.others) {
      const bool comes = draw.one_in(2);
      if (comes && on.has(company.of) && (may_harm || !is_harmful(other))) on.add(other);
    }
  }
}

// Situations that need several features together, and few others, would be rare at random.
void add_theme(Draw& draw, bool may_harm, FeatureSet& on) {
  using enum Feature;
  static const std::vector<std::vector<Feature>> themes = {
      {tls, until_close, closes_early},    // an end that is not clean for TLS
      {total_limit, origins, connect_to},  // one connection, and many transfers that need another one
      {idle_timeouts, large, pauses},      // a full buffer that nothing empties
      // Idle connections that close together, while requests are in the network.
      {idle_closes, chains, far},
      {early, late_reads, origin_faults, uploads, small_window},  // a response that waits unread when a send fails
  };
  const std::uint64_t theme = draw.below(20);
  if (theme >= themes.size()) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(multiplexing); ++i) {
    if (static_cast<Feature>(i) != Feature::oddities && !draw.one_in(4)) on.remove(static_cast<Feature>(i));
  }
  for (const Feature feature : themes[theme]) {
    if (may_harm || !is_harmful(feature)) on.add(feature);
  }
}

// Some seeds multiplex. With its own draws, so that no other seed changes.
void add_multiplexing(std::uint64_t seed, bool may_harm, FeatureSet& on) {
  using enum Feature;
  Draw draw(seed, kMultiplexing, {});
  if (!draw.one_in(8)) return;
  on.add(multiplexing);
  for (const Feature feature : {few_exchanges, refusals, exchange_resets, goes_away, mux_ends}) {
    const bool comes = draw.one_in(3);
    if (comes && (may_harm || !is_harmful(feature))) on.add(feature);
  }
  // It is useful with many exchanges at once, and with bodies that block each other.
  for (const Feature feature : {spread, bandwidth, fresh, no_reuse, tls, pieces}) {
    if (!draw.one_in(3)) on.remove(feature);
  }
  for (const Feature feature : {partial_reads, pauses, uploads, origin_limit, methods, idle_closes}) {
    const bool comes = draw.one_in(3);
    if (comes && (may_harm || !is_harmful(feature))) on.add(feature);
  }
}

// Also with its own draws.
void add_rules(std::uint64_t seed, std::uint64_t variety, FeatureSet& on) {
  using enum Feature;
  Draw draw(seed, kRules, {});
  for (const Feature feature : {codings, cookies, redirects, challenges, retries}) {
    if (draw.below(1000) < variety / 2) on.add(feature);
  }
  // Credentials that a redirect could take elsewhere.
  if (draw.one_in(3) && on.has(redirects)) on.add(challenges);
}

}  // namespace

FeatureSet draw_swarm(std::uint64_t seed) {
  Draw draw(seed, kSwarm, {});
  const std::uint64_t mood = draw.below(8);
  const std::uint64_t harm = mood == 0 ? 0 : mood <= 3 ? 80 : mood <= 6 ? 200 : 450;  // in thousandths
  const std::uint64_t variety = draw.pick({100u, 250u, 400u, 600u});
  FeatureSet on;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Feature::split_names); ++i) {
    const auto feature = static_cast<Feature>(i);
    if (feature == Feature::oddities) continue;
    const std::uint64_t lot = draw.below(1000);
    std::uint64_t chance = is_harmful(feature) ? harm : variety;
    if (feature == Feature::tls) chance = 90;  // a handshake costs as much as a scenario
    if (feature == Feature::large) chance = 160;
    // Features that are tested enough already and hinder others: they take time, or end connections that could be used
    // many times.
    const bool is_common =
        feature == Feature::bandwidth || feature == Feature::twin_ports || feature == Feature::http10;
    if (is_common || feature == Feature::second_responses) chance = std::min<std::uint64_t>(chance, 80);
    if (feature == Feature::early) chance += 150;
    if (feature == Feature::many_names) chance = 8;
    if (lot < chance) on.add(feature);
  }
  add_company(draw, harm > 0, on);
  add_theme(draw, harm > 0, on);
  if (Draw(seed, kOddities, {}).below(1000) < variety / 2) on.add(Feature::oddities);
  // Last, with what it needs, so that it changes no other draw.
  if (draw.below(1000) < variety) {
    on.add(Feature::split_names);
    if (draw.one_in(2)) on.add(Feature::addresses);
  }
  add_multiplexing(seed, harm > 0, on);
  add_rules(seed, variety, on);
  return on;
}

}  // namespace sluice::simtest
