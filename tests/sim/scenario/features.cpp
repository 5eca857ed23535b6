// See features.hpp.
#include "tests/sim/scenario/features.hpp"

namespace sluice::simtest {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, kFeatures> kNames = {
    "pieces",
    "partial-sends",
    "small-window",
    "jitter",
    "far",
    "bandwidth",
    "refused",
    "hangs",
    "half-open",
    "resets",
    "closes-early",
    "half-closes",
    "stalls",
    "stale-facts",
    "needless-timeouts",
    "late-reads",
    "leaps",
    "slow-names",
    "name-fails",
    "name-never",
    "name-wrong",
    "addresses",
    "origins",
    "twin-ports",
    "tls",
    "tls12",
    "bad-certificates",
    "idle-closes",
    "few-requests",
    "no-continue",
    "chunked",
    "until-close",
    "interims",
    "trailers",
    "statuses",
    "slow-replies",
    "closing",
    "http10",
    "one-write",
    "early",
    "early-ok",
    "origin-faults",
    "second-responses",
    "methods",
    "uploads",
    "streams",
    "expects",
    "literals",
    "families",
    "connect-to",
    "many-names",
    "routes",
    "tls-configs",
    "fresh",
    "no-reuse",
    "large",
    "spread",
    "chains",
    "partial-reads",
    "pauses",
    "peeks",
    "slow-sources",
    "source-fails",
    "cancels",
    "kept",
    "stale-calls",
    "old-times",
    "close-idle",
    "total-limit",
    "origin-limit",
    "short-expiry",
    "body-limit",
    "connect-timeouts",
    "no-connect-timeout",
    "total-timeouts",
    "idle-timeouts",
    "oddities",
    "split-names",
    "multiplexing",
    "few-exchanges",
    "refusals",
    "exchange-resets",
    "goes-away",
    "mux-ends",
    "codings",
    "cookies",
    "redirects",
    "challenges",
    "retries",
};
static_assert(kNames.back() == "retries");

}  // namespace

std::string_view to_string(Feature feature) { return kNames[static_cast<std::size_t>(feature)]; }

std::optional<Feature> feature_named(std::string_view name) {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (kNames[i] == name) return static_cast<Feature>(i);
  }
  return std::nullopt;
}

bool is_harmful(Feature feature) {
  switch (feature) {
    case Feature::refused:
    case Feature::hangs:
    case Feature::half_open:
    case Feature::resets:
    case Feature::closes_early:
    case Feature::half_closes:
    case Feature::stalls:
    case Feature::leaps:
    case Feature::name_fails:
    case Feature::name_never:
    case Feature::name_wrong:
    case Feature::bad_certificates:
    case Feature::idle_closes:
    case Feature::origin_faults:
    case Feature::second_responses:
    case Feature::families:
    case Feature::source_fails:
    case Feature::cancels:
    case Feature::body_limit:
    case Feature::connect_timeouts:
    case Feature::total_timeouts:
    case Feature::idle_timeouts:
    case Feature::refusals:
    case Feature::exchange_resets:
    case Feature::goes_away:
    case Feature::mux_ends:
      return true;
    default:
      return false;
  }
}

FeatureSet FeatureSet::all() { return FeatureSet(std::bitset<kFeatures>().set()); }

std::string FeatureSet::text() const {
  std::string text;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (!has(static_cast<Feature>(i))) continue;
    if (!text.empty()) text += ',';
    text += kNames[i];
  }
  return text.empty() ? "none" : text;
}

std::optional<FeatureSet> FeatureSet::parse(std::string_view text) {
  FeatureSet set;
  if (text == "none") return set;
  for (bool more = !text.empty(); more;) {
    const std::size_t comma = text.find(',');
    const auto feature = feature_named(text.substr(0, comma));
    if (!feature) return std::nullopt;
    set.add(*feature);
    more = comma != std::string_view::npos;
    if (more) text = text.substr(comma + 1);
  }
  return set;
}

}  // namespace sluice::simtest
