// See har_log.hpp.
#include "adapters/cli/har_log.hpp"

#include <utility>

namespace sluice::cli {

void HarTransfer::head_sent(std::string_view head, const TransferInfo& info) {
  Seen& present = seen_.back();
  present.hop.request_head = head;
  present.conn = info.conn;
  present.hop.peer = info.route.empty() ? info.address.ip : IpAddress();
}

void HarTransfer::hop_done(const output::HopDone& hop) {
  if (hop.head.status != 0) seen_.back().hop.response = hop.head;
  if (hop.failure) seen_.back().hop.error = hop.failure->message();
  seen_.emplace_back();
}

void HarLog::add_hop(HarTransfer::Seen seen) {
  // Connections get numbers in the order of these calls: only whether two are the same one matters.
  if (seen.conn) seen.hop.connection = connections_.try_emplace(seen.conn, connections_.size()).first->second;
  entries_.emplace(seen.hop.hop.progress.queued, har_entry(seen.hop, clock_, secrets_));
}

void HarLog::add(const HarTransfer& transfer, const std::vector<Hop>& hops, const ResponseHead& head,
                 std::string error) {
  for (std::size_t i = 0; i < hops.size() && i < transfer.seen_.size(); ++i) {
    HarTransfer::Seen seen = transfer.seen_[i];
    seen.hop.hop = hops[i];
    if (!seen.hop.error.empty()) {
      seen.hop.error = hops[i].method + " " + hops[i].url.text_without_secrets() + ": " + seen.hop.error;
    }
    if (i + 1 == hops.size()) {
      // HTTP/0.9 has a response without a head.
      if (head.status != 0 || head.version.major == 0) seen.hop.response = head;
      seen.hop.error = std::move(error);
    }
    add_hop(std::move(seen));
  }
}

std::string HarLog::take() {
  std::vector<std::string> texts;
  for (auto& entry : std::exchange(entries_, {})) texts.push_back(std::move(entry.second));
  return har_document(texts);
}

}  // namespace sluice::cli
