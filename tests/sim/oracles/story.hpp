// The oracle of events: what an engine reports (core/engine_event.hpp) is a story that can have happened, each
// beginning with its end, and the engine's counters are the sums of it. Leaves to other oracles whether it is what has
// happened.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/counters.hpp"
#include "core/engine_event.hpp"

namespace sluice::simtest {

class Story {
 public:
  // What is wrong with the event; nullopt: nothing.
  std::optional<std::string> take(const EngineEvent& event, Instant now);
  // The same about the engine's counters, when all events were taken.
  std::optional<std::string> compare(Counters counters) const;
  // The same about the look-ups that the driver has been asked for and that are neither answered nor canceled.
  std::optional<std::string> compare_look_ups(std::size_t running) const;

 private:
  enum class Stage { begun, opened, made, failed };
  struct Stream {
    Stage stage = Stage::begun;
    bool used = false;
  };
  struct Transfer {
    ConnId conn;  // where its last request was begun
    bool sent = false, answered = false;
  };

  std::string judge(const EngineEvent& event);
  std::string judge_connection(const EngineEvent& event);
  std::string judge_request(const EngineEvent& event);
  std::string judge_end(const EngineEvent& event);

  std::map<TransferId, Transfer> running_;
  std::map<ConnId, Stream> open_;
  std::set<ResolveId> asked_;
  Counters told_;
  Instant latest_;
};

}  // namespace sluice::simtest
