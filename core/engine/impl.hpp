// The implementation of Engine: takes calls and facts, gives outputs, and passes the result of one component to the
// next. Leaves the work to the components:
//   Pool, Dialer, NameCache   which transfer gets which connection, how one is made   core/pool/
//   Jobs                      transfers and their timers; the only place to end one    jobs.hpp
//   Connections               connections; the only place to close one                 connections.hpp
//   Connector                 makes connections                                        connector.hpp
//   Carrier                   runs exchanges                                           carrier.hpp
//   Calls                     the application's calls about one transfer               calls.hpp
// Nothing here walks all transfers, except give_up() and check_invariants().
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
  // `sessions` null: HTTP/1. `rule` null: every transfer has one hop. Throws std::bad_alloc.
  Impl(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions, std::unique_ptr<flow::HopRule> rule);

  // ---- calls of the application ----
  // Moves from request and options. `added` is set before any later step that may run out of memory.
  void add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added);
  // For a call about a transfer: entry(now, [&](Now at) { calls().cancel(id, at); }).
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
  void handle_connected(ConnId id, Now now, const Address& local, std::shared_ptr<const StreamSecurity> security);
  MutableBytes receive_space(ConnId id);
  void handle_received(ConnId id, std::size_t bytes, Now now);
  void handle_eof(ConnId id, std::string_view why, Now now);
  void handle_io_error(ConnId id, Error error, Now now);
  OutputView transmit(ConnId id) const;
  bool must_look_first(ConnId id) const;
  void handle_sent(ConnId id, std::size_t bytes, Now now);
  void handle_timeout(Now now);

  // ---- outputs ----
  Interest interest(ConnId id) const;
  std::optional<Deadline> deadline() const;
  std::optional<Output> poll_output();
  bool has_output() const { return !outbox_.empty() || jobs_.has_deferred() || connections_.has_deferred(); }
  std::size_t connections() const { return connections_.open(); }
  std::size_t idle_connections() const { return pool_.idle_connections(); }
  Counters counters() const;
  void close_idle_connections(Now now);
  void network_changed(Now now);
  EngineLimits limits() const { return pool_.limits(); }
  void set_limits(const EngineLimits& limits, Now now);

  void check_invariants() const;
  // Called when an entry ran out of memory at an unknown point: every connection ends, and every transfer whose
  // response was not received completely.
  void give_up() noexcept;

 private:
  using PooledConnection = pool::PooledConnection;

  Now clamp(Now now);          // makes time monotone; every entry begins with it
  void begin_fact(Now now);    // checks the drain rule; releases closed connections
  void finish_entry(Now now);  // every entry ends with it: does what has become possible
  void carry_out_all(Now now);
  void wake_guests(Now now);
  void carry_out(const pool::Grant& grant, Now now);
  void take(std::optional<engine::DialEnd> end, Now now);  // the result of a dial
  bool is_outdated(const pool::PooledConnection& connection) const;
  void on_eof(PooledConnection& connection, std::string_view why, Now now);
  void on_io_error(PooledConnection& connection, Error error, Now now);
  void on_timer(const Timers::Due& due, Now now);
  void close_expired(PooledConnection& connection, Now now);

  // Runs `step` with the object that `id` names, if it exists. If memory runs out, that object is lost and nothing
  // else. A step may throw only at points where everything that it has changed is consistent.
  template <class Tag, class Step>
  void with(Id<Tag> id, Now now, Step step) {
    auto* const named = named_by(id);
    if (named && !has_memory_for([&] { step(*named); })) lose(id, now);
  }
  // For every fact about a connection.
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
  engine::Jobs jobs_{timers_, outbox_, pool_, options_.seed.value_or(Seed{})};
  engine::Connections connections_{timers_, outbox_, pool_, jobs_};
  engine::Connector connector_;
  engine::Carrier carrier_;
  engine::Calls calls_{jobs_, carrier_};
  std::vector<http::StreamId> moved_;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace sluice
