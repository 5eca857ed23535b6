// The URLs of a transfer that is redirected, with the request that each must get and what it answers: by RFC 9110 15.4
// and by what core/options.hpp promises, without the engine's rules. Leaves to others: drawing the plans (hops.cpp),
// and what happens at one URL (tests/sim/oracles).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

struct Stage {
  TransferPlan plan;  // the request, and the response
  // No URL up to this one was of another origin than the first, or the options trust all: the request has the
  // application's own fields.
  bool at_home = true;
  std::string url;       // normalised, without userinfo and fragment
  std::string fragment;  // "": none
  std::string referer;   // "": the request has no such field
  std::string location;  // of its response; "": it does not redirect
  std::string full_url() const { return url + (fragment.empty() ? "" : '#' + fragment); }
};

// At least one. If more redirects are planned than the options follow, the last one has a Location too.
std::vector<Stage> stages_of(const Scenario& scenario, const TransferPlan& plan);
// "/7"; after two redirects "/7/2".
std::string path_of(std::uint32_t number, std::size_t stage);
std::string url_of(const OriginPlan& origin, const TransferPlan& plan, std::size_t stage);

}  // namespace sluice::simtest
