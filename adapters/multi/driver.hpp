// How a Multi is driven: carries facts from streams, names and the clock to the engine, and the engine's outputs to
// streams and callbacks. The parts do the work; this says whose turn it is, and when to stop.
//   driver.cpp   a drive's beginning and end, settle(), and when to come back
//   sources.cpp  the sources of work, which take turns
//
// Leaves what an application may call at any moment to impl.hpp, and HTTP to the engine.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/multi.hpp"
#include "adapters/multi/comeback.hpp"
#include "adapters/multi/fifo.hpp"
#include "adapters/multi/parts.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

class Driver {
 public:
  explicit Driver(Parts& parts);
  ~Driver();  // before the parts: streams are closed, and the sink hears of every removal
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // ---- driving, as Multi's ----
  Drive perform(int* running);
  Drive socket_action(int fd, std::uint8_t events, int* running);
  // The end of a drive that an exception leaves: it ran out of memory, or a handler threw.
  Drive cut_short(int* running);
  Result<PollResult> poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);
  std::optional<std::chrono::milliseconds> timeout() const { return comeback_.timeout(); }
  int fd();
  bool take_wakeup();
  void set_watch_sink(WatchSink* sink);

  // ---- for what the application calls meanwhile ----
  Now now() const { return phase_ == Phase::driving ? pace_.now() : environment_.now(); }
  // It may have changed when to come back.
  void after_application_call();
  std::vector<std::string> take_key_log() { return std::exchange(key_log_, {}); }

 private:
  enum class Phase : std::uint8_t {
    idle,
    driving,  // the clock of the drive is fresh; driving is refused
    telling,  // the sink is being told, outside of a drive: driving is refused as well
  };
  // What a drive has to do, and where it is from. What the first of them lead to comes last, and a request goes out
  // after what waited on its connection was read.
  enum class Source : std::uint8_t { resumes, postponed, signals, ready, reads, facts, sends };
  static constexpr std::array kSources = {Source::resumes, Source::postponed, Source::signals, Source::ready,
                                          Source::reads,   Source::facts,     Source::sends};

  // driver.cpp. Those that answer bool: false when they stopped for fairness, with outputs left for the next drive.
  bool refuse();
  void begin(Streams::Look look);
  Drive end(Drive answer, int* running);
  void report();
  void make_room();
  bool settle();
  bool drain();
  void take(Output output);
  bool run_timers();
  bool must_run_at_once() const;
  Wish wish();

  // sources.cpp; as above
  bool work(bool fetch);
  bool take_from(Source source, bool fetch);
  bool take_resumes();
  bool take_postponed();
  bool take_signals();
  bool take_ready(bool fetch);
  bool take_reads();
  bool take_facts();
  bool take_answers();
  bool take_sends();
  bool dispatch(int fd, std::uint8_t events, ConnId owner);
  bool follow(Streams::Then then, ConnId conn);
  bool read(ConnId conn);

  Environment& environment_;
  Waiter& waiter_;
  Watches& watches_;
  Transfers& transfers_;
  NameResolver& resolver_;
  Engine& engine_;
  Pace& pace_;
  Streams& streams_;
  Callbacks& callbacks_;
  Comeback comeback_;

  Phase phase_ = Phase::idle;
  std::size_t first_ = 0;        // of kSources: who has the first turn in the next drive
  Fifo<TransferId> resumed_;     // in this drive, or left over from one before
  bool timers_put_off_ = false;  // there were outputs left at the end of a drive
  int wait_error_ = 0;           // errno of this drive's look at what is ready
  bool woken_ = false;           // a wakeup that no poll() has told of yet
  Instant polled_at_;            // when poll() fetched the batch that is in waiter_
  std::vector<std::string> key_log_;
};

}  // namespace sluice::multi
