// See shrink.hpp.
#include "tests/sim/shrink.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::simtest {
namespace {

class Shrinker {
 public:
  Shrinker(std::uint64_t seed, const Reduction& start, const Finding& finding, const RunReduced& run,
           std::size_t max_runs)
      : seed_(seed), run_(run), max_runs_(max_runs), best_{start, finding, 0} {}

  Shrunk go() {
    bool smaller = true;
    while (smaller && best_.runs < max_runs_) {
      smaller = fewer_transfers();
      smaller |= fewer_features();
    }
    return best_;
  }

 private:
  bool still_fails(const Reduction& reduction) {
    if (best_.runs >= max_runs_) return false;
    ++best_.runs;
    auto finding = run_(reduction);
    if (!finding || !is_same(*finding)) return false;
    best_.reduction = reduction;
    best_.finding = std::move(*finding);
    return true;
  }

  // "crash" is not the name of an oracle: different crashes have it.
  bool is_same(const Finding& finding) const {
    return finding.oracle == best_.finding.oracle &&
           (finding.oracle != "crash" || finding.message == best_.finding.message);
  }

  // Leaves out as many items as possible: first large parts, then single ones. `fails_with` tries a selection and keeps
  // it if it still fails. Returns whether any item was left out.
  template <class Item, class FailsWith>
  bool thin_out(std::vector<Item> items, FailsWith fails_with) {
    const std::size_t before = items.size();
    for (std::size_t part = items.size(); part > 0; part /= 2) {
      for (std::size_t from = 0; from < items.size();) {
        const std::size_t to = std::min(items.size(), from + part);
        std::vector<Item> rest(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(from));
        rest.insert(rest.end(), items.begin() + static_cast<std::ptrdiff_t>(to), items.end());
        if (fails_with(rest)) {
          items = std::move(rest);
        } else {
          from = to;
        }
      }
    }
    return items.size() < before;
  }

  bool fewer_transfers() {
    std::vector<std::uint32_t> numbers;
    for (const TransferPlan& plan : make_scenario(seed_, best_.reduction).transfers) numbers.push_back(plan.number);
    return thin_out(numbers, [&](const std::vector<std::uint32_t>& rest) {
      Reduction reduction = best_.reduction;
      reduction.keep = rest;
      return still_fails(reduction);
    });
  }

  bool fewer_features() {
    const FeatureSet on = make_scenario(seed_, best_.reduction).on;
    std::vector<Feature> features;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      if (on.has(static_cast<Feature>(i))) features.push_back(static_cast<Feature>(i));
    }
    return thin_out(features, [&](const std::vector<Feature>& rest) {
      Reduction reduction = best_.reduction;
      reduction.only.emplace();
      for (const Feature feature : rest) reduction.only->add(feature);
      return still_fails(reduction);
    });
  }

  const std::uint64_t seed_;
  const RunReduced& run_;
  const std::size_t max_runs_;
  Shrunk best_;
};

}  // namespace

Shrunk shrink(std::uint64_t seed, const Reduction& start, const Finding& finding, const RunReduced& run,
              std::size_t max_runs) {
  return Shrinker(seed, start, finding, run, max_runs).go();
}

std::string options_for(std::uint64_t seed, const Reduction& reduction) {
  std::string text = "--seed " + std::to_string(seed);
  const Scenario whole = make_scenario(seed), reduced = make_scenario(seed, reduction);
  if (reduced.transfers.size() < reduced.drawn) {
    text += " --keep ";
    for (std::size_t i = 0; i < reduced.transfers.size(); ++i) {
      text += (i == 0 ? "" : ",") + std::to_string(reduced.transfers[i].number);
    }
    if (reduced.transfers.empty()) text += "none";
  }
  if (reduced.on == whole.on) return text;
  const std::string off = " --off " + whole.on.without(reduced.on).text(), only = " --only " + reduced.on.text();
  return text + (off.size() < only.size() ? off : only);
}

}  // namespace sluice::simtest
