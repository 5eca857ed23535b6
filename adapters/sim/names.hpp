// The questions about names that are open in a simulated world: how each will be answered is drawn when it is asked,
// and it is answered when its event is due. Says what came of one; leaves to others to tell who asked.
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

// An answer, or a part of one that more comes after.
struct NameTold {
  Asker* asker = nullptr;
  ResolveId id;
  Result<NameAnswer> found;
};

class Names {
 public:
  // All must outlive it.
  Names(const Directory& directory, const Clock& clock, EventQueue& events, Journal& journal, Chance& chance)
      : directory_(directory), clock_(clock), events_(events), journal_(journal), chance_(chance) {}
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // Answers the question's number: from 0, in the order of asking. `asker` must live until it is answered or called
  // off.
  std::uint64_t ask(const output::Resolve& what, Asker& asker);
  bool is_open(std::uint64_t number) const { return questions_.contains(number); }
  NameTold answer(std::uint64_t number);  // an open one, whose event is due
  // Nobody waits for it any more. After forget() nothing comes; after call_off() an answer may come all the same.
  void call_off(std::uint64_t number, const Weather& weather);
  void forget(std::uint64_t number);

  const std::vector<ResolveRecord>& records() const { return records_; }
  // Of the question that it answers.
  static std::uint64_t number_of(const Event& event) { return std::uint64_t{event.generation} << 32 | event.index; }

 private:
  struct Question {
    ResolveId id;
    Asker* asker = nullptr;
    Result<std::vector<IpAddress>> answer;
    std::vector<IpAddress> part;  // comes first, and the answer so much after it
    Duration rest = {};
    bool rest_never = false;
    std::string_view fault;  // "": none
    bool never = false;      // no answer comes
    bool canceled = false;   // and answered all the same
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
