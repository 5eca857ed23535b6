// Multi from within: carries facts from sockets, resolver and clock to the engine, and the engine's outputs to sockets
// and handlers.
//
// driver.cpp       settle(): takes all that comes out of the engine, after each fact
// streams.cpp      the streams under connections: opened, watched, read, written, closed
// driving.cpp      perform, socket_action, poll: what is handed in, and how much of it at once
// deadlines.cpp    when to come back: timeout(), the sink's timer, fd()'s
// application.cpp  what is legal at any moment
// handlers.cpp     the application's callbacks
//
// Leaves HTTP to the engine and the public surface to ../multi.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/multi.hpp"
#include "adapters/multi/connections.hpp"
#include "adapters/multi/fifo.hpp"
#include "adapters/multi/signals.hpp"
#include "adapters/multi/transfers.hpp"
#include "adapters/multi/watches.hpp"
#include "core/engine.hpp"

namespace sluice {

class Multi::Impl {
 public:
  // What `overrides` are in canonical form; make_resolver() comes once the watches are there.
  static Result<std::unique_ptr<Impl>> create(MultiOptions options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  void set_owner(Multi& owner) { owner_ = &owner; }

  // ---- the application's side (application.cpp) ----
  Result<TransferId> add(Request request, TransferOptions options, TransferHandler* handler);
  Result<TransferId> add_dropping(Request request, TransferOptions options);
  void remove(TransferId transfer);
  void cancel(TransferId transfer);
  void close_idle_connections();
  void set_limits(EngineLimits limits);
  void resume(TransferId transfer);
  void finish_upload(TransferId transfer);
  void fail_upload(TransferId transfer, std::string why);
  void consume_body(TransferId transfer, std::size_t bytes);
  std::optional<Message> info_read(int* left);
  std::vector<std::string> take_key_log();
  void set_watch_sink(WatchSink* sink);
  void assign(int fd, void* value) { watches_.assign(fd, value); }
  const Engine& engine() const { return engine_; }
  const multi::Watches& watches() const { return watches_; }
  std::size_t running() const { return transfers_.running(); }
  const Waiter& waiter() const { return *waiter_; }
  Instant steady() const { return environment_.steady(); }
  bool take_wakeup();
  bool all_paused() const;
  bool waits_for_signals() const { return connections_.waiting_for_signals() > 0; }

  // ---- driving ----
  Drive perform(int* running);
  Drive cut_short(int* running);  // the end of a drive that an exception leaves: it ran out of memory, or a handler threw
  Drive socket_action(int fd, std::uint8_t events, int* running);
  Result<PollResult> poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);
  std::optional<std::chrono::milliseconds> timeout();
  int fd();

 private:
  Impl(MultiOptions& options, Environment& environment, std::unique_ptr<Waiter> waiter);

  // A fact about a connection that came up while outputs were being taken, when the engine cannot be told.
  struct Fact {
    ConnId conn;
    std::optional<Error> error;  // none: connected
  };
  enum class Wish : std::uint8_t { none, at, at_once };
  struct Timer {
    Wish wish = Wish::none;
    Instant at;
    friend bool operator==(const Timer&, const Timer&) = default;
  };

  // True as long as it lives, then as it was before: also when a sink has thrown.
  class Flag {
   public:
    explicit Flag(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
    ~Flag() { flag_ = before_; }
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;

   private:
    bool& flag_;
    bool before_;
  };

  // Room in the queues for all that one step can put there: a connection's fact, its turn to send, its turn to be read, an answer.
  // Throws std::bad_alloc before the step has begun, so that nothing is lost in the middle of one.
  void make_room() {
    facts_.make_room(kMostOfAStep);
    sends_.make_room(kMostOfAStep);
    reads_.make_room(kMostOfAStep);
    resolver_->make_room();
  }
  static constexpr std::size_t kMostOfAStep = 4;
  // Of sends and outputs: how many go by before the clock is read again.
  static constexpr std::size_t kUnlookedAt = 16;

  // driver.cpp. Those that answer bool: false when they stopped for fairness, with outputs left for the next drive.
  bool settle();
  bool drain();
  void take(Output output);
  void keep_key(output::KeyLog& what);
  // This drive has lasted long enough, and has got something done.
  bool late() const { return progressed_ && now_.steady >= drive_until_; }

  // streams.cpp; as above
  Result<std::unique_ptr<Transport>> make_stream(output::Connect& what);
  void connect(output::Connect& what);
  void begin_stream(output::Connect& what);
  void open(multi::Connection& connection);
  void watch(multi::Connection& connection, std::uint8_t events);
  void watch_one(const multi::Connection& connection, int before, int fd, int events);
  void watch_nothing(const multi::Connection& connection);
  void forget(const multi::Connection& connection);
  Error describe(const multi::Connection& connection, Code code, int error) const;
  void close(ConnId conn);
  void refresh(ConnId conn);
  void queue_send(multi::Connection& connection);
  void queue_read(multi::Connection& connection);
  void send(ConnId conn);
  bool receive(multi::Connection& connection, MutableBytes space);
  bool must_look(const multi::Connection& connection) const;
  bool read(ConnId conn);
  bool dispatch(int fd, std::uint8_t events, ConnId owner);
  bool advance(ConnId conn, std::uint8_t events);

  // driving.cpp
  void queue_all();
  bool refuse();
  void begin();
  void join_burst(int fd);
  Drive end(Drive answer, int* running);
  bool work(bool fetch);
  bool take_from(unsigned source, bool fetch);
  bool spent() const { return reads_left_ == 0 || late(); }
  bool take_resumes();
  bool take_signals();
  bool take_postponed();
  bool take_ready(bool fetch);
  bool take_reads();
  bool take_facts();
  bool take_sends();
  bool run_timers();

  // deadlines.cpp
  bool must_run_at_once() const;
  std::optional<Instant> next_deadline();
  Timer next_timer();
  Now application_now() const { return driving_ ? now_ : environment_.now(); }
  void after_application_call();
  void report_timer();
  void report_to_sink();
  void set_fd_timer();

  // handlers.cpp
  template <class Callback>
  auto call(TransferId transfer, Callback callback);
  void end_after_exception(TransferId transfer) noexcept;
  void deliver_resume(TransferId transfer);
  void deliver_body(TransferId transfer);
  void pump_upload(TransferId transfer);
  bool fill_upload(TransferId transfer);
  void deliver_head_sent(const output::HeadSent& sent);
  void deliver_raw(TransferId transfer, const ResponseHead& head);
  void deliver_interim(const output::InterimReady& ready);
  void deliver_head(TransferId transfer);
  void deliver_done(output::Done& done);

  Multi* owner_ = nullptr;
  TransferHandler dropping_;  // of transfers without one
  std::size_t max_reads_;
  Duration max_time_;
  Environment& environment_;
  const std::unique_ptr<Waiter> waiter_;
  multi::Watches watches_;
  multi::Connections connections_;
  multi::Transfers transfers_;
  std::unique_ptr<NameResolver> resolver_;
  Engine engine_;

  Now now_;
  bool busy_ = false;     // inside a drive or a sink's callback: driving is refused
  bool driving_ = false;  // now_ is fresh
  std::uint64_t drive_ = 0;  // counts them
  bool asked_ = false;   // this drive asks the system what is ready, or has just been told by poll()
  bool looked_ = false;  // and has seen to all of it
  bool poll_failed_ = false;
  std::size_t reads_left_ = 0, sends_left_ = 0, outputs_left_ = 0;  // of this drive
  Instant drive_until_;
  bool progressed_ = false;
  Instant burst_until_, burst_ended_;  // of socket_action calls that follow each other closely
  bool burst_spent_ = false;           // nothing more until the timer, which was reported as due
  int again_fd_ = kNoSocket;           // the last one that was answered call_again

  std::optional<ConnId> to_refresh_;  // a fact was told of it: look at its interest once the outputs are taken
  multi::Fifo<Fact> facts_;
  multi::Fifo<ConnId> sends_;  // have something to send and are not known to be blocked
  multi::Fifo<ConnId> reads_;  // filled a whole read the last time, so more may wait
  std::shared_ptr<multi::Signals> signals_;  // null: no route was dialled yet
  multi::Fifo<ConnId> given_;     // taken out of it
  multi::Fifo<ConnId> signaled_;  // of those, each connection once, and not looked at yet
  bool try_all_ = false;  // a drive was cut short: every stream is as if it had been signaled
  multi::Fifo<TransferId> resumed_;  // in this drive, or left over from one before
  bool timers_put_off_ = false;  // there were outputs left at the end of a drive
  unsigned first_source_ = 0;  // who has the first turn in the next drive
  std::vector<std::string> key_log_;

  bool woken_ = false;  // a wakeup that no poll() has told of yet
  Instant polled_at_;   // when poll() fetched the batch that is in waiter_

  Timer reported_;
  bool timer_spent_ = false;  // the application's timer ran out: it wants to hear the next one even if it is the same
  bool reporting_ = false;
  bool fd_used_ = false;  // someone waits on fd(): it has to know the deadline
};

}  // namespace sluice
