// The records of a simulated world: the lines of its trace, each with the clock's time, and how often each fault has
// happened. Leaves to others what is recorded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "adapters/sim/clock.hpp"
#include "adapters/sim/trace.hpp"

namespace sluice::sim {

class Journal {
 public:
  using Faults = std::map<std::string, std::uint64_t, std::less<>>;

  // `clock` must outlive this object. Without `keep` only the hash over the lines is kept.
  Journal(const Clock& clock, bool keep) : clock_(clock), trace_(keep) {}

  TraceLine line() { return trace_.line(clock_.since_start()); }
  // 'c' for a connection, 'r' for a question, 't' for a transfer.
  template <class Tag>
  TraceLine line(char letter, Id<Tag> id) {
    return trace_.line(clock_.since_start(), letter, id);
  }
  // Records that `count` bytes moved on this connection; with a hash of them if they are the same in every run
  // (`hashed`).
  void moved(ConnId conn, std::string_view verb, const OutputView& bytes, std::size_t count, bool hashed);

  // Records that a fault has happened: counts it; for a connection also with a line.
  void count(std::string_view fault);
  void fault(ConnId conn, std::string_view fault);

  const Trace& trace() const { return trace_; }
  const Faults& faults() const { return faults_; }
  const Faults& faults(ConnId conn) const;

 private:
  const Clock& clock_;
  Trace trace_;
  Faults faults_;
  std::map<ConnId, Faults> faults_by_conn_;
};

}  // namespace sluice::sim
