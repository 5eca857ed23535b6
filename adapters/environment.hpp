// What a Multi takes from the world: a clock, TCP streams, names, and waiting. Two implement it: sockets
// (system_environment(), which a Multi takes by itself) and the simulated world (sim.hpp), where time is virtual; a
// program written for Multi runs in both.
//
//   sluice::MultiOptions options;
//   options.environment = &world.environment();   // of a sluice::sim::World; must outlive the Multi
//
// To change one thing of the real world (a clock that runs faster, addresses that are refused), derive from Environment
// and pass the rest on to system_environment(). Knows no Multi and no HTTP; multi.hpp knows this.
//
// Thread rules: an Environment and what it makes are used by one thread at a time, that of the Multi, except
// Waiter::wakeup(). system_environment() may be used by many at once. Nothing here may call the Multi that uses it.
// Throws nothing but std::bad_alloc, and that only where it is said.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../core/address.hpp"
#include "../core/engine.hpp"
#include "transport.hpp"

namespace sluice {

// Bits for extra descriptors in poll(), for socket_action's events and for reported watches.
// kEventError is reported, never asked for.
enum Events : std::uint8_t { kEventNone = 0, kEventRead = 1, kEventWrite = 2, kEventError = 4 };

struct ExtraDescriptor {
  int fd = -1;
  std::uint8_t wanted = 0;  // Events
  std::uint8_t ready = 0;   // filled by poll()
};

// A descriptor on which something can be done now.
struct Ready {
  int fd = -1;
  // As given to Waiter::add(): tells an event of a closed descriptor from one of its successor.
  std::uint32_t generation = 0;
  std::uint8_t events = 0;  // Events
};

// What one Multi waits with: a set of watched descriptors, a wakeup, and a timer for those who wait on fd() alone.
// Level-triggered: what is not read stays ready. Descriptors are the environment's own: those that its streams and its
// resolver show.
class Waiter {
 public:
  virtual ~Waiter() = default;
  Waiter& operator=(const Waiter&) = delete;

  // Readable when a watched descriptor is ready, after wakeup(), and when set_timer()'s time has come. The same for its
  // life.
  virtual int fd() const = 0;
  // Each answers 0 or an errno: EEXIST, it is watched already; EBADF, there is no such descriptor. One that is closed
  // leaves by itself. `generation` comes back with each event.
  virtual int add(int fd, std::uint8_t events, std::uint32_t generation) = 0;
  virtual int modify(int fd, std::uint8_t events, std::uint32_t generation) = 0;
  virtual int remove(int fd) = 0;

  // Fetches the next batch. Waits up to `timeout_ms` milliseconds, or until a wakeup(); -1: for as long as it takes.
  // Legal when the last batch was taken whole (!has_ready()). Answers 0 or an errno; a signal is 0 and an empty batch.
  virtual int wait(int timeout_ms) = 0;
  // The same for what is ready now, from inside of a drive: never waits, and no time of a virtual clock's passes to
  // speak of.
  virtual int look() = 0;
  // The same with descriptors of the caller's beside: fills in their `ready`, as poll(2) does. A batch that is there
  // already stays. May throw std::bad_alloc.
  virtual int wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) = 0;
  bool has_ready() const { return next_ < count_; }
  std::optional<Ready> next() { return has_ready() ? std::optional(batch_[next_++]) : std::nullopt; }
  bool batch_was_full() const { return full_; }  // there may be more than it holds

  // From any thread: a wait() that sleeps returns, or else the next does at once. Never lost.
  virtual void wakeup() const = 0;
  // Readable from a wakeup() until it was seen by wait() or take_event(). The same for its life.
  virtual int wakeup_fd() const = 0;
  // Makes it unreadable again, and take_woken() true if there was one.
  virtual void take_event() = 0;
  bool take_woken() { return std::exchange(woken_, false); }  // a wakeup was seen since the last call

  // fd() becomes readable at `at`, at the latest: an earlier timer that is set already is left to run out, which costs
  // the program that waits one needless call, and saves a system call each time a deadline moves away. nullopt: no
  // effect.
  virtual void set_timer(std::optional<Instant> at) = 0;

 protected:
  static constexpr std::size_t kBatch = 256;
  Waiter() = default;
  Waiter(const Waiter&) = default;

  // For wait(): a new batch, empty so far, and what is in it: kBatch at most.
  void begin_batch() { next_ = count_ = 0, full_ = false; }
  void put(const Ready& ready) { batch_[count_++] = ready; }
  void set_full(bool full) { full_ = full; }
  void set_woken() { woken_ = true; }

 private:
  std::array<Ready, kBatch> batch_ = {};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  bool full_ = false;
  bool woken_ = false;
};

struct NameOptions {
  std::string servers = {};  // MultiOptions::dns_servers
  // Called for each change of what to watch; both false: stop, before the descriptor is closed. Does not throw, and
  // must not be called from inside of a constructor.
  std::function<void(int fd, bool read, bool write)> watch = {};
};

// One Multi's look-ups. Never blocks, and never answers by itself: answers wait in here until next_answer().
class NameResolver {
 public:
  struct Answer {
    ResolveId id = {};
    Result<NameAnswer> found = {};
  };

  virtual ~NameResolver() = default;  // ends each watch before its descriptor is closed
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Room for the answer to one more question. Throws std::bad_alloc, having changed nothing that shows.
  void make_room() {
    if (answers_.capacity() - answers_.size() <= open_) grow();
  }
  // After make_room(). Throws nothing: a question that there is no memory for is answered with out_of_memory.
  virtual void start(const output::Resolve& question) = 0;
  virtual void cancel(ResolveId id) = 0;  // nothing of its answer comes any more
  // A descriptor that it watches is ready.
  virtual void process(int fd, bool readable, bool writable) = 0;
  // When process_timeouts() is due; nullopt: never. On Environment::steady()'s clock, as `now` is.
  virtual std::optional<Instant> deadline(Instant now) = 0;
  virtual void process_timeouts() = 0;
  std::size_t open_questions() const { return open_; }  // that someone still waits for

  // A question may have several answers, all but the last with more_to_come. One that was not fetched yet gives way to
  // the next.
  std::optional<Answer> next_answer() {
    if (!has_answer()) return std::nullopt;
    Answer answer = std::move(answers_[next_++]);
    if (!has_answer()) {
      answers_.clear();
      next_ = 0;
    }
    return answer;
  }
  bool has_answer() const { return next_ < answers_.size(); }
  std::size_t answers() const { return answers_.size() - next_; }

 protected:
  NameResolver() = default;
  // There is room for it. Throws nothing, so that it may come from inside of a C library.
  void answer(ResolveId id, Result<NameAnswer> found) noexcept {
    const auto first = answers_.begin() + static_cast<std::ptrdiff_t>(next_);
    const auto before = std::find_if(first, answers_.end(), [&](const Answer& one) { return one.id == id; });
    if (before != answers_.end()) {
      before->found = std::move(found);
    } else {
      answers_.push_back({id, std::move(found)});
    }
  }
  void drop_answers(ResolveId id) {
    const auto first = answers_.begin() + static_cast<std::ptrdiff_t>(next_);
    answers_.erase(std::remove_if(first, answers_.end(), [&](const Answer& one) { return one.id == id; }),
                   answers_.end());
  }
  void question_opened() { ++open_; }
  void question_closed() { --open_; }

 private:
  void grow() {
    answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(std::exchange(next_, 0)));
    if (answers_.capacity() - answers_.size() <= open_) answers_.reserve(2 * answers_.size() + open_ + 1);
  }

  std::vector<Answer> answers_;  // with room for one to each open question
  std::size_t next_ = 0;
  std::size_t open_ = 0;
};

class Environment {
 public:
  virtual ~Environment() = default;

  // ---- the clock ----
  // Never goes back. What deadlines, timeouts and Progress are measured on; WatchSink::on_timer() says times on it.
  virtual Instant steady() const = 0;
  // The same with the wall clock, in whole seconds, by which certificates are judged.
  virtual Now now() const = 0;

  // ---- what a Multi owns, and destroys before the environment ----
  // Errors: too_many_descriptors, internal. May throw std::bad_alloc.
  virtual Result<std::unique_ptr<Waiter>> make_waiter() = 0;
  // Error invalid_option names the entry of `servers` that cannot be. May throw std::bad_alloc.
  virtual Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) = 0;
  // A stream to one address, of a transfer without a route. Nothing has happened yet: open() begins to connect. May
  // throw std::bad_alloc.
  virtual std::unique_ptr<Transport> tcp(const Address& address) = 0;

  // ---- what is not a Multi's own, and done by whichever is driven ----
  // When do_upkeep() is due; nullopt: nothing is left to do.
  virtual std::optional<Instant> upkeep_due() const { return std::nullopt; }
  virtual void do_upkeep() {}
  // A Multi that has had routes goes: what is left to do is done now, in a tenth of a second at most.
  virtual void finish_upkeep() {}
};

// Sockets, epoll, c-ares, CLOCK_MONOTONIC. Valid for the life of the program. Its upkeep is for the processes that
// child_process() started.
Environment& system_environment();

}  // namespace sluice
