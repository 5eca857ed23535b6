// What a seed decides about resumed downloads: the files of an origin and their versions, how the origin answers
// requests for ranges, and who downloads what. Plain values. Leaves running it to run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/sim.hpp"

namespace sluice::simtest::resumes {

struct Version {
  Duration from = {};  // it is served from this time on, counted from the start of the run
  std::size_t bytes = 0;
  std::string etag;   // "": none
  bool dated = true;  // it has a Last-Modified: the second in which it came, which may be that of the one before
};

struct FilePlan {
  std::vector<Version> versions;  // at least one; the first is there from the start
  bool has_ranges = true;         // false: every response is a 200
  bool says_dates = true;         // responses have a Date
  bool chunked = false;
  // Of requests for a part:
  sim::PerMille ignores_if_range = 0;  // the part is sent, whatever the If-Range says
  sim::PerMille other_first = 0;       // the part begins elsewhere, as its Content-Range says
  sim::PerMille no_content_range = 0;
  sim::PerMille short_parts = 0;  // the part ends before the whole does
  // Of all requests; only of the first ones, so that a download ends:
  sim::PerMille unavailable = 0;  // status 503
  sim::PerMille short_bodies = 0, resets_in_body = 0;
};

struct DownloadPlan {
  std::size_t file = 0;
  Duration start = {};
  Duration wait = {};  // before it continues
};

struct Plan {
  std::uint64_t seed = 0;
  bool tls = false;
  sim::Weather weather;     // until `calm_from`
  Duration calm_from = {};  // from then on nothing goes wrong in the network
  std::vector<FilePlan> files;
  std::vector<DownloadPlan> downloads;
};

Plan draw_plan(std::uint64_t seed);
std::string describe(const Plan& plan);

// No two versions of the files of a seed have eight bytes in common at the same position.
std::string content(std::uint64_t seed, std::size_t file, std::size_t version, std::size_t bytes);

}  // namespace sluice::simtest::resumes
