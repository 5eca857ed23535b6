// What a simulated world writes down: the lines of its trace, each at the clock's time, and how often each fault has
// happened. Leaves to others what is worth a line.
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

  // `clock` must outlive it. Without `keep` only the hash over the lines is kept.
  Journal(const Clock& clock, bool keep) : clock_(clock), trace_(keep) {}

  TraceLine line() { return trace_.line(clock_.since_start()); }
  // 'c' for a connection, 'r' for a question, 't' for a transfer.
  template <class Tag>
  TraceLine line(char letter, Id<Tag> id) {
    return trace_.line(clock_.since_start(), letter, id);
  }
  // So many bytes went over this connection, and what they were if they are the same in every run (`hashed`).
  void moved(ConnId conn, std::string_view verb, const OutputView& bytes, std::size_t count, bool hashed);

  // A fault has happened: counted, and of a connection with a line.
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
