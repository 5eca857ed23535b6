// --har: collects the hops of the run's transfers as they end, and makes the document of them. Holds the text of all
// entries until the end of the run. Leaves the JSON to har.hpp, and writing the file to command.cpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/cli/har.hpp"
#include "core/engine.hpp"

namespace sluice::cli {

// What is seen of one transfer while it runs.
class HarTransfer {
 public:
  // The request's head goes out on the connection of `info`; of several for one hop the last counts.
  void head_sent(std::string_view head, const TransferInfo& info);
  // The hop has ended and another one follows.
  void hop_done(const output::HopDone& hop);

 private:
  friend class HarLog;
  struct Seen {
    HarHop hop;
    ConnId conn = {};
  };
  // The last one is the present hop.
  std::vector<Seen> seen_ = std::vector<Seen>(1);
};

class HarLog {
 public:
  HarLog(const HarClock& clock, bool secrets) : clock_(clock), secrets_(secrets) {}

  // The transfer has ended. `hops`: all of them; `head`: the response of the last; `error`: why it failed, "": it did
  // not.
  void add(const HarTransfer& transfer, const std::vector<Hop>& hops, const ResponseHead& head, std::string error);
  // The document. Empties the log.
  std::string take();

 private:
  void add_hop(HarTransfer::Seen seen);

  HarClock clock_;
  bool secrets_;
  std::multimap<Instant, std::string> entries_;          // by their begin
  std::unordered_map<ConnId, std::size_t> connections_;  // their numbers
};

}  // namespace sluice::cli
