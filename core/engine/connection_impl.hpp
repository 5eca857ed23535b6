// The implementation of Connection (core/connection.hpp): one channel with its session over the caller's stream, one
// queue of requests, and the parts that run exchanges in an engine too:
//   Jobs, Calls     requests and their timers, the application's calls about them; the only place to end one
//   Connections     what may be read and written; the only place to close the stream
//   Carrier         exchanges on the channel
// It has no pool, no names and no dials. It is the Scheduler of its own requests: the first in the queue is served
// next.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/base/memory.hpp"
#include "core/base/timers.hpp"
#include "core/connection.hpp"
#include "core/engine/calls.hpp"
#include "core/engine/carrier.hpp"
#include "core/engine/connections.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/outbox.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice {

class Connection::Impl final : private pool::Scheduler {
 public:
  // Throws std::bad_alloc.
  Impl(ConnectionOptions options, std::unique_ptr<http::SessionFactory> sessions);

  // ---- calls of the application ----
  void add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added);
  template <class Step>
  void entry(Now now, Step step) {
    now = clamp(now);
    step(now);
    finish_entry(now);
  }
  engine::Calls& calls() { return calls_; }
  std::size_t running() const { return jobs_.running(); }
  void close(Now now);
  bool is_over() const { return connection_.is_closed(); }

  // ---- facts ----
  MutableBytes receive_space() { return connections_.receive_space(connection_); }
  void handle_received(std::size_t bytes, Now now);
  void handle_eof(Now now);
  void handle_io_error(Error error, Now now);
  OutputView transmit() const;
  void handle_sent(std::size_t bytes, Now now);
  void handle_timeout(Now now);

  // ---- outputs ----
  std::optional<ConnectionOutput> poll_output();
  Interest interest() const;
  std::optional<Deadline> deadline() const;

  void check_invariants() const;
  // Called when an entry ran out of memory at an unknown point: the connection and all requests end.
  void give_up() noexcept;

 private:
  using PooledConnection = pool::PooledConnection;
  using Waiter = pool::Waiter;

  // ---- Scheduler, for one queue ----
  void place(Waiter& waiter, const Request&, const TransferOptions&, std::shared_ptr<const TlsConfig>) override;
  void enter(Waiter& waiter) override { queue_.push_back(waiter); }
  void enter_again(Waiter& waiter) override { queue_.push_front(waiter); }
  bool counts_on_dials(const Waiter&) const override { return false; }
  void withdraw(Waiter& waiter) override;
  void left(const Waiter&) override {}
  void count_again(const Waiter&) noexcept override {}
  std::optional<pool::Grant> released(PooledConnection& connection, bool usable, Now now) override;
  void room_changed(PooledConnection&) override {}  // next_step() looks at the room
  void closed(PooledConnection& connection) override;
  void note_end(const PooledConnection&, Now) override {}
  bool has_place(const Waiter& waiter) const override;
  std::size_t open() const override { return is_over() ? 0 : 1; }

  Now clamp(Now now);
  void begin_fact(Now now);
  void finish_entry(Now now);
  void take_steps(Now now);  // all steps that are possible now
  bool next_step(Now now);   // false: there is nothing to do
  bool serve_next(Now now);
  void start(Now now);
  bool find_sponsor(Now now);
  void handshake_moved(Now now);
  void handshake_failed(Error error, Now now);
  void give_up_handshake();
  void on_eof(Now now);
  void on_io_error(Error error, Now now);
  void on_timer(const Timers::Due& due, Now now);
  Error no_time(TimerKind kind) const;
  void remember(std::string_view why) noexcept;
  Error over() const noexcept;

  // For every fact. If memory runs out in its step, the connection is lost and its requests get their Done.
  template <class Step>
  void fact(Now now, Step step) {
    now = clamp(now);
    begin_fact(now);
    if (!has_memory_for([&] { step(now); })) lose(now);
    finish_entry(now);
  }
  void lose(Now now);

  Url origin_;
  std::shared_ptr<Route> secure_;  // not null: the stream is protected already
  EngineOptions options_;
  std::optional<Duration> idle_timeout_;
  const http::Protocol protocol_;
  std::unique_ptr<http::SessionFactory> sessions_;
  Instant latest_;
  Timers timers_;
  engine::Outbox outbox_;
  engine::Jobs jobs_{timers_, outbox_, *this};
  engine::Connections connections_{timers_, outbox_, *this, jobs_};
  engine::Carrier carrier_{options_, nullptr, timers_, outbox_, *this, jobs_, connections_, nullptr};
  engine::Calls calls_{jobs_, carrier_};
  PooledConnection& connection_;  // in connections_; never released, because its closing message is sent after its end
  pool::WaitingList queue_;
  pool::IdleAnywhere idle_;  // holds the connection, or is empty
  TransferId sponsor_;       // the request that the handshake is for: its connect_timeout counts
  Timers::Handle connect_timer_;
  bool closing_ = false;
  std::string why_;  // why the connection ended or was closed; "": unknown
  std::vector<std::string> key_log_;
  std::vector<http::StreamId> moved_;
};

}  // namespace sluice
