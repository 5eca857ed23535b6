// Drives a Multi: passes facts from streams, names and the clock to the engine, and the engine's outputs to streams and
// callbacks. The parts do the work; the driver decides which one is next and when to stop.
//   driver.cpp the begin and the end of a drive, settle(), and when to be driven again
//   sources.cpp the sources of work, which take turns
//
// Leaves the calls that an application may make at any moment to impl.hpp, and HTTP to the engine.
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
  ~Driver();  // runs before the parts are destroyed: closes the streams and reports every removal to the sink
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // ---- driving: as the functions of Multi ----
  Drive perform(int* running);
  Drive socket_action(int fd, std::uint8_t events, int* running);
  // The end of a drive that an exception has left: memory ran out, or a handler threw.
  Drive cut_short(int* running);
  Result<PollResult> poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);
  std::optional<std::chrono::milliseconds> timeout() const { return comeback_.timeout(); }
  int fd();
  bool take_wakeup();
  void set_watch_sink(WatchSink* sink);

  // ---- for the application's calls between and inside drives ----
  Now now() const { return phase_ == Phase::driving ? pace_.now() : environment_.now(); }
  // Call it after each: the time of the next drive may have changed.
  void after_application_call();
  std::vector<std::string> take_key_log() { return std::exchange(key_log_, {}); }

 private:
  enum class Phase : std::uint8_t {
    idle,
    driving,  // inside a drive; another one is refused
    telling,  // the sink is being called outside a drive; driving is refused too
  };
  // The sources of work of a drive, in order. Work that the first ones cause is in the last ones, and a request is sent
  // after the bytes that wait on its connection were read.
  enum class Source : std::uint8_t { resumes, postponed, signals, ready, reads, facts, sends };
  static constexpr std::array kSources = {Source::resumes, Source::postponed, Source::signals, Source::ready,
                                          Source::reads,   Source::facts,     Source::sends};

  // driver.cpp. Functions that return bool return false if they stopped for fairness; outputs are then left for the
  // next drive.
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

  // sources.cpp; bool as above
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
  std::size_t first_ = 0;        // index in kSources of the first source in the next drive
  Fifo<TransferId> resumed_;     // transfers that were resumed before this drive
  bool timers_put_off_ = false;  // timers did not run, because outputs were left
  int wait_error_ = 0;           // errno of looking for ready descriptors in this drive
  bool woken_ = false;           // a wakeup that no poll() has reported yet
  Instant polled_at_;            // when poll() fetched the batch in waiter_
  std::vector<std::string> key_log_;
};

}  // namespace sluice::multi
