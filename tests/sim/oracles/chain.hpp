// What has been seen of a transfer that may have several hops. A stage is a URL of its redirects (scenario/stages.hpp);
// several hops may be at one stage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sim.hpp"
#include "core/engine.hpp"
#include "tests/sim/oracles/guard.hpp"
#include "tests/sim/scenario/stages.hpp"

namespace sluice::simtest {

// A request that has come to an origin, and its response, which has its number (X-Answer).
struct Answered {
  std::size_t stage = 0;
  std::size_t hops = 0;    // how many had begun
  TransferPlan plan = {};  // with this response
  std::string body = {};   // of the response
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::uint64_t place = 0;  // its number on its connection
  bool whole = false;       // the body of the request has come
  bool denied = false;      // by a guard, which judged so:
  Verdict verdict = {};
};

// What must follow a hop.
struct Following {
  std::optional<HopReason> next = {};  // nullopt: nothing
  std::optional<Code> error = {};      // the transfer ends with it
  bool is_certain = true;              // false: or nothing
  Duration least = {}, most = {};      // the wait before it
};

struct Chain {
  std::vector<Stage> stages;
  std::vector<std::size_t> kinds;    // of the stages
  std::vector<std::size_t> hops_at;  // how many hops have begun at each stage
  std::deque<Answered> answers;      // of all origins, in the order in which the requests came
  const Answered* shown = nullptr;   // that of the head which the application was told of
  std::size_t stage = 0;             // of the current hop
  std::size_t hops = 1;              // that have begun
  HopReason reason = HopReason::first;
  std::uint32_t redirects = 0, retries = 0;
  std::size_t logins = 0;              // answers to challenges in a row, up to the current hop
  std::size_t firsts = 0;              // responses of RetryPlan::first that were given
  std::size_t tries = 0;               // how often the hops before this one were sent
  ConnId conn;                         // of the current hop, when last checked
  std::optional<ConnId> ended_on;      // while the end of a hop is judged: its connection
  std::optional<Instant> rests_until;  // when the current hop may begin
  std::optional<Code> error;           // with which the transfer must end
};

}  // namespace sluice::simtest
