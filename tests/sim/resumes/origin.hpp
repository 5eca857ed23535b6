// The origin of a run: answers requests for files and parts of them, by the plan. Leaves the bytes on the wire to
// adapters/sim_origin.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sim_origin.hpp"
#include "tests/sim/resumes/plan.hpp"

namespace sluice::simtest::resumes {

inline constexpr UnixSeconds kStart = 1'800'000'000;  // the wall time at which a run begins

class Origin {
 public:
  explicit Origin(const Plan& plan);

  // `elapsed`: since the start of the run.
  sim::HttpReply respond(const sim::HttpRequest& request, Duration elapsed);
  bool is_whole(std::size_t file, std::string_view body) const;  // it is all of one version

 private:
  std::size_t version_at(std::size_t file, Duration elapsed) const;
  bool may_send_part(std::size_t file, std::size_t version, const std::string* if_range);
  void add_part(const FilePlan& file, std::string_view whole, std::size_t first, sim::HttpReply& reply);
  void add_validators(std::size_t file, std::size_t version, Duration elapsed, sim::HttpReply& reply) const;
  void add_faults(const FilePlan& file, sim::HttpReply& reply);
  std::string last_modified(std::size_t file, std::size_t version) const;  // "": it has none
  bool happens(sim::PerMille share) { return random_.below(1000) < share; }

  const Plan& plan_;
  Random random_;
  std::vector<std::vector<std::string>> bodies_;  // of each file, of each version
  std::size_t requests_ = 0;
};

// The first position of "bytes=5-"; nullopt: it is anything else.
std::optional<std::size_t> first_of_range(std::string_view value);

}  // namespace sluice::simtest::resumes
