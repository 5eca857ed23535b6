// The open questions about names in a simulated world: the answer is drawn when the question is asked, and comes when
// its event is due. Leaves to others: giving the answer to the asker.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "adapters/sim/chance.hpp"
#include "adapters/sim/clock.hpp"
#include "adapters/sim/directory.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/host.hpp"
#include "adapters/sim/journal.hpp"

namespace sluice::sim {

// An answer, or a part of one that is followed by more.
struct NameTold {
  Asker* asker = nullptr;
  ResolveId id;
  Result<NameAnswer> found;
};

class Names {
 public:
  // All must outlive this object.
  Names(const Directory& directory, const Clock& clock, EventQueue& events, Journal& journal, Chance& chance)
      : directory_(directory), clock_(clock), events_(events), journal_(journal), chance_(chance) {}
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // Asks a question and returns its number: from 0, in the order of asking. `asker` must live until the answer came or
  // the question was canceled.
  std::uint64_t ask(const output::Resolve& what, Asker& asker);
  bool is_open(std::uint64_t number) const { return questions_.contains(number); }
  NameTold answer(std::uint64_t number);  // of an open question whose event is due
  // The question is canceled. After forget() no answer comes; after call_off() an answer may still come.
  void call_off(std::uint64_t number, const Weather& weather);
  void forget(std::uint64_t number);

  const std::vector<ResolveRecord>& records() const { return records_; }
  // The number of the question that the event answers.
  static std::uint64_t number_of(const Event& event) { return std::uint64_t{event.generation} << 32 | event.index; }

 private:
  struct Question {
    ResolveId id;
    Asker* asker = nullptr;
    Result<std::vector<IpAddress>> answer;
    std::vector<IpAddress> part;  // comes first; the rest follows after this delay
    Duration rest = {};
    bool rest_never = false;
    std::string_view fault;  // "": none
    bool never = false;      // no answer comes
    bool canceled = false;   // canceled, and answered anyway
  };
  void look_up(const NameSpec& spec, const output::Resolve& what, bool wrong, Random& random, Question& question);
  void split(const NameSpec& spec, const output::Resolve& what, Random& random, Question& question, Instant& at);
  NameTold answer_in_part(std::uint64_t number, Question& question);
  void push_answer(Instant at, std::uint64_t number);
  void say_resolved(ResolveId id, std::string_view verb, const std::vector<IpAddress>& addresses);

  const Directory& directory_;
  const Clock& clock_;
  EventQueue& events_;
  Journal& journal_;
  Chance& chance_;
  std::map<std::uint64_t, Question> questions_;  // by the number of their record
  std::vector<ResolveRecord> records_;
};

}  // namespace sluice::sim
