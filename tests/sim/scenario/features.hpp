// The features of a scenario, by name: faults, and harmless variety. Each is on or off for a whole scenario (swarm
// testing), so that those that are on have an effect; each can be turned off separately to find out which of them
// matter. Leaves the strength of each to scenario.cpp.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::simtest {

enum class Feature : std::uint8_t {
  // the network, in ways that harm nothing
  pieces,
  partial_sends,
  small_window,
  jitter,
  far,
  bandwidth,
  // ... and in ways that do
  refused,
  hangs,
  half_open,
  resets,
  closes_early,
  half_closes,
  stalls,
  // a careless driver, and time that jumps
  stale_facts,
  needless_timeouts,
  late_reads,
  leaps,
  // names
  slow_names,
  name_fails,
  name_never,
  name_wrong,
  addresses,
  // origins
  origins,
  twin_ports,
  tls,
  tls12,
  bad_certificates,
  idle_closes,
  few_requests,
  no_continue,
  // replies
  chunked,
  until_close,
  interims,
  trailers,
  statuses,
  slow_replies,
  closing,
  http10,
  one_write,
  early,
  early_ok,
  origin_faults,
  second_responses,
  // requests
  methods,
  uploads,
  streams,
  expects,
  literals,
  families,
  connect_to,
  many_names,
  routes,
  tls_configs,
  fresh,
  no_reuse,
  large,
  // the application
  spread,
  chains,
  partial_reads,
  pauses,
  peeks,
  slow_sources,
  source_fails,
  cancels,
  kept,
  stale_calls,
  old_times,
  close_idle,
  // limits and timeouts
  total_limit,
  origin_limit,
  short_expiry,
  body_limit,
  connect_timeouts,
  no_connect_timeout,
  total_timeouts,
  idle_timeouts,
  // harmless replies that break rules; drawn separately
  oddities,
  // names with answers in parts and with a time to live
  split_names,
  // many exchanges on a connection (tests/sim/mux), and what a peer may do with them; drawn separately
  multiplexing,
  few_exchanges,
  refusals,
  exchange_resets,
  goes_away,
  mux_ends,
  // what rules add to a transfer; drawn separately
  codings,
  cookies,
  // what makes further hops of it; drawn separately
  redirects,
  challenges,
  retries,
};
inline constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::retries) + 1;

std::string_view to_string(Feature feature);  // as for `--off`: "partial-sends"
std::optional<Feature> feature_named(std::string_view name);
// Whether a correct transfer may fail because of it.
bool is_harmful(Feature feature);

class FeatureSet {
 public:
  static FeatureSet all();
  bool has(Feature feature) const { return bits_[static_cast<std::size_t>(feature)]; }
  void add(Feature feature) { bits_[static_cast<std::size_t>(feature)] = true; }
  void remove(Feature feature) { bits_[static_cast<std::size_t>(feature)] = false; }
  bool empty() const { return bits_.none(); }
  FeatureSet without(FeatureSet others) const { return FeatureSet(bits_ & ~others.bits_); }
  std::string text() const;  // "resets,stalls"; "none"
  // nullopt: an unknown name. "none" and "" are the empty set.
  static std::optional<FeatureSet> parse(std::string_view text);
  friend bool operator==(const FeatureSet&, const FeatureSet&) = default;
  FeatureSet() = default;

 private:
  explicit FeatureSet(const std::bitset<kFeatures>& bits) : bits_(bits) {}
  std::bitset<kFeatures> bits_;
};

}  // namespace sluice::simtest
