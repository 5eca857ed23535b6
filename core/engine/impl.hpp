// The engine's insides: where calls and facts enter, where outputs leave, and where what one component says is handed
// to the next. What the components do is theirs:
//   Pool, Dialer, NameCache   who gets which connection, how one is made      core/pool/
//   Jobs                      transfers, their timers, their one way to Done  jobs.hpp
//   Connections               streams, their one way to Close                 connections.hpp
//   Connector                 carries dials out                               connector.hpp
//   Carrier                   carries exchanges out                           carrier.hpp
//   Calls                     the application's calls about one transfer      calls.hpp
// Nothing here walks all transfers.
#pragma once

#include <memory>
#include <string>

#include "core/base/memory.hpp"
#include "core/base/timers.hpp"
#include "core/engine.hpp"
#include "core/engine/calls.hpp"
#include "core/engine/carrier.hpp"
#include "core/engine/connections.hpp"
#include "core/engine/connector.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/outbox.hpp"
#include "core/pool/dialer.hpp"
#include "core/pool/name_cache.hpp"
#include "core/pool/pool.hpp"

namespace sluice {

class Engine::Impl {
 public:
  // Without a factory of sessions all is HTTP/1.
  // Without a rule every transfer is one hop.
  Impl(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions, std::unique_ptr<flow::HopRule> rule);

  // ---- the application's calls ----
  // Request and options are moved from. It is known whether the transfer was added before what follows may run short of
  // memory.
  void add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added);
  // A call about a transfer: as entry(now, [&](Now at) { calls().cancel(id, at); }).
  template <class Step>
  void entry(Now now, Step step) {
    now = clamp(now);
    step(now);
    finish_entry(now);
  }
  engine::Calls& calls() { return calls_; }
  std::size_t running() const { return jobs_.running(); }

  // ---- facts ----
  void handle_resolved(ResolveId id, Result<NameAnswer> answer, Now now);
  void handle_connected(ConnId id, Now now);
  MutableBytes receive_space(ConnId id);
  void handle_received(ConnId id, std::size_t bytes, Now now);
  void handle_eof(ConnId id, std::string_view why, Now now);
  void handle_io_error(ConnId id, Error error, Now now);
  OutputView transmit(ConnId id) const;
  bool must_look_first(ConnId id) const;
  void handle_sent(ConnId id, std::size_t bytes, Now now);
  void handle_timeout(Now now);

  // ---- what comes next ----
  Interest interest(ConnId id) const;
  std::optional<Deadline> deadline() const;
  std::optional<Output> poll_output();
  bool has_output() const { return !outbox_.empty() || jobs_.owes() || connections_.owes(); }
  std::size_t connections() const { return connections_.open(); }
  std::size_t idle_connections() const { return pool_.idle_connections(); }
  void close_idle_connections(Now now);
  EngineLimits limits() const { return pool_.limits(); }
  void set_limits(const EngineLimits& limits, Now now);

  void check_invariants() const;
  // The end of an entry that ran out of memory, in whatever state it left things: every transfer and connection ends.
  void give_up() noexcept;

 private:
  using PooledConnection = pool::PooledConnection;

  Now clamp(Now now);          // monotone; every entry begins with it
  void begin_fact(Now now);    // the drain rule; what was closed goes
  void finish_entry(Now now);  // every entry ends with it: what became possible is done
  void carry_out_all(Now now);
  void carry_out(const pool::Grant& grant, Now now);
  void take(std::optional<engine::DialEnd> end, Now now);  // what came of a dial
  void on_eof(PooledConnection& connection, std::string_view why, Now now);
  void on_io_error(PooledConnection& connection, Error error, Now now);
  void on_timer(const Timers::Due& due, Now now);
  void close_expired(PooledConnection& connection, Now now);

  // Takes a step with what `id` names, if that is still there. Without memory for it that is lost, and nothing else. A
  // step throws only where all that it has changed so far is whole.
  template <class Tag, class Step>
  void with(Id<Tag> id, Now now, Step step) {
    auto* const named = named_by(id);
    if (named && !has_memory_for([&] { step(*named); })) lose(id, now);
  }
  // Every fact about a connection.
  template <class Step>
  void fact(ConnId id, Now now, Step step) {
    now = clamp(now);
    begin_fact(now);
    connections_.set_current(id);
    with(id, now, [&](PooledConnection& connection) { step(connection, now); });
    finish_entry(now);
  }
  PooledConnection* named_by(ConnId id) { return connections_.find(id); }
  pool::Dial* named_by(pool::DialId id) { return dialer_.find(id); }
  engine::Job* named_by(TransferId id) { return jobs_.find(id); }
  void lose(ConnId id, Now now);
  void lose(pool::DialId id, Now now);
  void lose(TransferId id, Now now) { calls_.lose(id, now); }

  EngineOptions options_;
  std::unique_ptr<http::SessionFactory> sessions_;
  std::unique_ptr<flow::HopRule> rule_;
  Instant latest_;
  Timers timers_;
  engine::Outbox outbox_;
  std::shared_ptr<tls::SessionCache> tls_sessions_;
  pool::NameCache names_;
  pool::Dialer dialer_{timers_};
  pool::Pool pool_;
  engine::Jobs jobs_{timers_, outbox_, pool_};
  engine::Connections connections_{timers_, outbox_, pool_, jobs_};
  engine::Connector connector_;
  engine::Carrier carrier_;
  engine::Calls calls_{jobs_, carrier_};
  std::vector<http::StreamId> moved_;
};

}  // namespace sluice
