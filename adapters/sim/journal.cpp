// See journal.hpp.
#include "adapters/sim/journal.hpp"

#include <algorithm>

namespace sluice::sim {

void Journal::moved(ConnId conn, std::string_view verb, const OutputView& bytes, std::size_t count, bool hashed) {
  TraceLine text = line('c', conn);
  text.word(verb).number(count);
  if (!hashed) return;
  Fnv hash;
  for (std::size_t i = 0; i < bytes.count && count > 0; ++i) {
    const Bytes piece = bytes.spans[i].first(std::min(count, bytes.spans[i].size()));
    hash.add(piece);
    count -= piece.size();
  }
  text.hash(hash);
}

void Journal::count(std::string_view fault) {
  const auto found = faults_.find(fault);
  if (found != faults_.end()) {
    ++found->second;
  } else {
    faults_.emplace(fault, 1);
  }
}

void Journal::fault(ConnId conn, std::string_view fault) {
  line('c', conn).word("fault:").word(fault);
  count(fault);
  ++faults_by_conn_[conn].try_emplace(std::string(fault), 0).first->second;
}

const Journal::Faults& Journal::faults(ConnId conn) const {
  static const Faults kNone;
  const auto found = faults_by_conn_.find(conn);
  return found == faults_by_conn_.end() ? kNone : found->second;
}

}  // namespace sluice::sim
