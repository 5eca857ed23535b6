// Carries exchanges on connections: opens them, turns a session's events into what transfers learn, and ends them; and
// decides which failure may be tried again. Leaves framing to the session, and who gets which connection to the pool.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/engine/connections.hpp"
#include "core/engine/connector.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/outbox.hpp"
#include "core/http/session.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::engine {

class Carrier {
 public:
  // All must outlive it. Without a rule every transfer is one hop; without a connector nothing is dialled.
  Carrier(const EngineOptions& options, const flow::HopRule* rule, Timers& timers, Outbox& outbox,
          pool::Scheduler& scheduler, Jobs& jobs, Connections& connections, Connector* connector)
      : options_(options),
        rule_(rule),
        timers_(timers),
        outbox_(outbox),
        scheduler_(scheduler),
        jobs_(jobs),
        connections_(connections),
        connector_(connector) {}
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // ---- carrier.cpp: exchanges begin and end ----
  // The transfer waits in no list any more; it gets an exchange, or it ends.
  void serve(PooledConnection& connection, Job& job, Now now);
  // It has no exchange, or one less: it is handed on, parked or closed.
  void release(PooledConnection& connection, Now now);
  // The connection is of no use any more: everything on it ends or is tried elsewhere.
  void failed(PooledConnection& connection, Error error, Now now);
  // The transfer's hop fails, whatever it was at, and with it the transfer where no other follows.
  void fail(Job& job, Error error, Now now);
  void lose(Job& job, Now now);  // as there was no memory for a step on its behalf; nothing to do where it is done
  void backoff_over(Job& job, Now now);  // the time of its next hop has come

  // ---- carrier_events.cpp: facts about one that stands ----
  // Before its bytes are looked at.
  void note_activity(PooledConnection& connection, Now now);
  void received(PooledConnection& connection, MutableBytes plain, Now now);
  void sent(PooledConnection& connection, const std::vector<http::StreamId>& moved, Now now);
  void ended(PooledConnection& connection, StreamEnd how, std::string_view why, Now now);
  void broken(PooledConnection& connection, Error error, Now now);
  void session_timer(PooledConnection& connection, Now now);
  void idle_timer(Job& job, Now now);
  void continue_timer(Job& job, Now now);
  void upload_changed(Job& job, Now now);
  void consume(Job& job, std::size_t bytes, Now now);
  // What a read may have brought to its end.
  void after_bytes(PooledConnection& connection, Now now);

 private:
  bool start(PooledConnection& connection, Job& job, Now now);
  Result<void> open(PooledConnection& connection, Job& job, Now now);
  void detach(PooledConnection& connection, Job& job);  // they have nothing to do with each other any more
  void abort(Job& job, Error error, Now now);
  bool may_retry(const PooledConnection& connection, const Job& job) const;
  bool timed_out_at_peer(const PooledConnection& connection, const Job& job) const;
  void retry(Job& job, bool elsewhere, Now now);
  std::optional<flow::NextHop> ask_rule(const Job& job, const Error* failure, Now now) const;
  // Both: the transfer is on no connection and in no list of the pool's.
  void hop_failed(Job& job, Error error, Now now);
  void next_hop(Job& job, flow::NextHop next, std::optional<Error> failure, Now now);
  // What is left of a response that another hop follows is not read: its connection is given up, or its exchange.
  void cut_hop(PooledConnection& connection, Job& job, Now now);
  // Its session may have something to send, or room for more, or another deadline.
  void settle(PooledConnection& connection, Now now);
  void pump(PooledConnection& connection, Now now);
  http::ResponseRules response_rules(const Job& job) const;

  void dispatch(PooledConnection& connection, Now now);
  void on_event(PooledConnection& connection, Job& job, http::Event& event, Now now);
  void on_refused(PooledConnection& connection, Job& job, Error error, Now now);
  bool hop_follows(Job& job, Now now);
  void skip_body(PooledConnection& connection, Job& job, Bytes body, Now now);
  void on_head(Job& job, std::optional<std::uint64_t> body_length, Now now);
  void on_body(const PooledConnection& connection, Job& job, Bytes body, Now now);
  void check_interims(Job& job, Now now);
  void after_sending(const PooledConnection& connection, Job& job, Now now);
  bool waits_for_application(const PooledConnection& connection, const Job& job) const;

  const EngineOptions& options_;
  const flow::HopRule* const rule_;
  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  Jobs& jobs_;
  Connections& connections_;
  Connector* const connector_;
  std::vector<http::Event> events_;
};

}  // namespace sluice::engine
