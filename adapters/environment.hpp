// The interface of what a Multi needs from its surroundings: a clock, TCP streams, name resolution, and waiting. There
// are two implementations: the system (system_environment(), the default of a Multi) and the simulated world (sim.hpp),
// in which time is virtual. A program that uses Multi runs in both.
//
//   sluice::MultiOptions options;
//   options.environment = &world.environment();   // of a sluice::sim::World; must outlive the Multi
//
// To change one thing only (a faster clock, refused addresses), derive from Environment and pass the other calls on to
// system_environment(). Knows no Multi and no HTTP.
//
// Threads: an Environment and the objects that it makes are used by one thread at a time, that of the Multi, except
// Waiter::wakeup(). system_environment() may be used by many threads at once. Nothing here may call the Multi that uses
// it. Functions throw nothing, except std::bad_alloc where the comment says so.
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

// Bits for extra descriptors in poll(), for the events of socket_action() and for reported watches.
// kEventError is only reported, never requested.
enum Events : std::uint8_t { kEventNone = 0, kEventRead = 1, kEventWrite = 2, kEventError = 4 };

// A descriptor of the application for Multi::poll(). Negative: ignored.
struct ExtraDescriptor {
  int fd = -1;
  std::uint8_t wanted = 0;  // Events
  std::uint8_t ready = 0;   // filled by poll()
};

// A watched descriptor that is ready.
struct Ready {
  int fd = -1;
  // As given to Waiter::add(). It tells an event of a closed descriptor from one of a later descriptor with the same
  // number.
  std::uint32_t generation = 0;
  std::uint8_t events = 0;  // Events
};

// What one Multi waits with: a set of watched descriptors, a wakeup, and a timer for programs that wait on fd() only.
// Level-triggered: a descriptor stays ready until everything was read. Descriptors are those of the environment's own
// streams and resolvers.
class Waiter {
 public:
  virtual ~Waiter() = default;
  Waiter& operator=(const Waiter&) = delete;

  // A descriptor that is readable when a watched descriptor is ready, after wakeup(), and when the time of set_timer()
  // has come. Owned by the Waiter; never changes.
  virtual int fd() const = 0;
  // Each returns 0 or an errno: EEXIST (it is watched already), EBADF (there is no such descriptor). A descriptor that
  // is closed leaves the set by itself. `generation` comes back with each event.
  virtual int add(int fd, std::uint8_t events, std::uint32_t generation) = 0;
  virtual int modify(int fd, std::uint8_t events, std::uint32_t generation) = 0;
  virtual int remove(int fd) = 0;

  // Fetches the next batch of ready descriptors. Waits up to `timeout_ms` milliseconds, or until a wakeup(); -1:
  // without limit. Only if the last batch was taken completely (!has_ready()). Returns 0 or an errno; after a signal 0
  // and an empty batch.
  virtual int wait(int timeout_ms) = 0;
  // As wait(), but never waits: for what is ready now, inside a drive. A virtual clock advances only a little.
  virtual int look() = 0;
  // As wait(), together with the caller's descriptors, whose `ready` is set as by poll(2). An existing batch is kept.
  // May throw std::bad_alloc.
  virtual int wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) = 0;
  bool has_ready() const { return next_ < count_; }
  std::optional<Ready> next() { return has_ready() ? std::optional(batch_[next_++]) : std::nullopt; }
  bool batch_was_full() const { return full_; }  // more descriptors may be ready than the batch holds

  // From any thread: makes a running wait() return, else the next one at once. Never lost.
  virtual void wakeup() const = 0;
  // A descriptor that is readable from a wakeup() until wait() or take_event() has seen it. Owned by the Waiter; never
  // changes.
  virtual int wakeup_fd() const = 0;
  // Makes wakeup_fd() unreadable again; take_woken() returns true if there was a wakeup.
  virtual void take_event() = 0;
  bool take_woken() { return std::exchange(woken_, false); }  // a wakeup was seen since the last call

  // fd() becomes readable at `at` or earlier. An earlier timer that is set already is kept: this costs one unneeded
  // call later, but saves a system call each time a deadline moves to a later time. nullopt: no effect.
  virtual void set_timer(std::optional<Instant> at) = 0;

 protected:
  static constexpr std::size_t kBatch = 256;
  Waiter() = default;
  Waiter(const Waiter&) = default;

  // For implementations of wait(): begin an empty batch, then put at most kBatch descriptors into it.
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

// A socket that is needed.
struct SocketWish {
  enum class Use : std::uint8_t { connection, name_server };
  Use use = Use::connection;
  Address peer = {};                       // Kind::none for a name server
  int family = 0, type = 0, protocol = 0;  // for socket(2): AF_INET, SOCK_STREAM, IPPROTO_TCP
};

// What the application does in making sockets (MultiOptions::sockets). Called inside a drive. An error, or an
// exception, ends the attempt to connect with its message (connect_failed); for a name server the look-up
// (resolve_failed).
struct SocketCalls {
  // Opens a socket in place of socket(2). Its descriptor belongs to the Multi from then on, which sets O_NONBLOCK and
  // FD_CLOEXEC, and closes it. Null: socket(2).
  std::function<Result<int>(const SocketWish&)> open = {};
  // Called with each socket before it is bound and connected; SocketOptions are set already. Null: nothing.
  std::function<Result<void>(int fd, const SocketWish&)> configure = {};
};

// How a TCP stream is made.
struct TcpOptions {
  std::shared_ptr<const SocketOptions> socket = {};  // TransferOptions::socket; null: as the system does it
  std::shared_ptr<const SocketCalls> calls = {};     // MultiOptions::sockets; null: none
};

// For Environment::make_resolver().
struct NameOptions {
  std::string servers = {};                       // MultiOptions::dns_servers
  std::string interface = {};                     // MultiOptions::dns_interface
  std::vector<IpAddress> local_addresses = {};    // MultiOptions::dns_local_addresses
  std::shared_ptr<const SocketCalls> calls = {};  // MultiOptions::sockets; null: none
  // Called by the resolver for each change of what to watch; both false: stop watching, before the descriptor is
  // closed. Must not throw. Must not be called inside a constructor.
  std::function<void(int fd, bool read, bool write)> watch = {};
};

// The name look-ups of one Multi. Never blocks. Never calls back with an answer: answers are kept until next_answer().
class NameResolver {
 public:
  struct Answer {
    ResolveId id = {};
    Result<NameAnswer> found = {};
  };

  virtual ~NameResolver() = default;  // ends each watch before it closes the descriptor
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Gets memory for the answer to one more question. Throws std::bad_alloc; nothing visible has changed then.
  void make_room() {
    if (answers_.capacity() - answers_.size() <= open_) grow();
  }
  // Begins a look-up. Call make_room() first. Throws nothing: if memory runs out, the answer is out_of_memory.
  virtual void start(const output::Resolve& question) = 0;
  virtual void cancel(ResolveId id) = 0;  // no answer to it follows
  // A descriptor that the resolver watches is ready.
  virtual void process(int fd, bool readable, bool writable) = 0;
  // When process_timeouts() is due, on the clock of Environment::steady(), as `now`; nullopt: never.
  virtual std::optional<Instant> deadline(Instant now) = 0;
  virtual void process_timeouts() = 0;
  std::size_t open_questions() const { return open_; }  // questions without their last answer

  // The oldest answer that was not taken; nullopt: none. A question may have several answers, all but the last with
  // more_to_come. A later answer replaces an earlier one that was not taken yet.
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
  // For implementations: stores an answer. make_room() has got the memory. Throws nothing, so it may be called from a C
  // library.
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

  std::vector<Answer> answers_;  // has capacity for one answer to each open question
  std::size_t next_ = 0;
  std::size_t open_ = 0;
};

class Environment {
 public:
  virtual ~Environment() = default;

  // ---- the clock ----
  // Never goes back. The clock of deadlines, timeouts, Progress and WatchSink::on_timer().
  virtual Instant steady() const = 0;
  // steady(), and the wall clock in whole seconds, which is for the validity of certificates.
  virtual Now now() const = 0;

  // ---- randomness ----
  // For what the engine of a Multi draws at random (EngineOptions::seed), if that is not set. The default gives the
  // same numbers in every run.
  virtual Seed seed() { return {}; }

  // ---- objects that a Multi owns and destroys before the environment ----
  // Errors: too_many_descriptors, internal. May throw std::bad_alloc.
  virtual Result<std::unique_ptr<Waiter>> make_waiter() = 0;
  // Error: invalid_option (an entry of `servers` is invalid; the message names it). May throw std::bad_alloc.
  virtual Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) = 0;
  // A TCP stream to one address, for a transfer without a route. It begins to connect at Transport::open(). May throw
  // std::bad_alloc.
  virtual std::unique_ptr<Transport> tcp(const Address& address) = 0;
  // The same, called if there are options. The default, for environments without sockets, ignores them.
  virtual std::unique_ptr<Transport> tcp_with(const Address& address, const TcpOptions&) { return tcp(address); }

  // ---- work that belongs to no Multi, and that any Multi does when it is driven ----
  // When do_upkeep() is due; nullopt: there is nothing to do.
  virtual std::optional<Instant> upkeep_due() const { return std::nullopt; }
  virtual void do_upkeep() {}
  // Called when a Multi that has used routes is destroyed: finishes the work now, in at most 100 ms.
  virtual void finish_upkeep() {}
};

// Sockets, epoll, c-ares, CLOCK_MONOTONIC. Valid until the program ends. Its upkeep is for the processes that
// child_process() started.
Environment& system_environment();

}  // namespace sluice
