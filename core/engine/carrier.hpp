// Runs exchanges on connections: opens them, applies a session's events to the transfers, and ends them. Decides which
// failed request may be sent again. Leaves framing to the session, and which transfer gets which connection to the
// pool.
#pragma once

#include <optional>
#include <string>
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
  // All must outlive this object. `rule` null: every transfer has one hop. `connector` null: no connection is made.
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
  // Opens an exchange for the transfer, which must be in no list of the scheduler. If that fails, the transfer ends or
  // begins its next hop. `early`: what of its request was sent with the handshake.
  void serve(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early = nullptr);
  // The connection has an exchange less, or none yet: it serves the next waiter, becomes idle or is closed.
  void release(PooledConnection& connection, Now now);
  // The connection has failed: each transfer on it ends or is sent again on another connection.
  void failed(PooledConnection& connection, Error error, Now now);
  // The transfer's hop fails, in any phase but done. If no other hop follows, the transfer ends.
  void fail(Job& job, Error error, Now now);
  void lose(Job& job, Now now);  // there was no memory for a step of the transfer; does nothing if it is done
  void use_no_more(PooledConnection& connection);  // what it carries is its last, but for the end of a login
  void backoff_over(Job& job, Now now);            // the wait before its next hop is over
  void add_to(Counters& counters) const {          // what it counts
    counters.requests = requests_;
    counters.requests_reused = reused_;
  }

  // ---- carrier_events.cpp: facts about an established connection ----
  // So many bytes have come. Call it before they are decoded.
  void note_activity(PooledConnection& connection, std::size_t bytes, Now now);
  void received(PooledConnection& connection, MutableBytes plain, Now now);
  // The stream has taken so many bytes, of these exchanges.
  void sent(PooledConnection& connection, std::size_t bytes, const std::vector<http::StreamId>& moved, Now now);
  void ended(PooledConnection& connection, StreamEnd how, std::string_view why, Now now);
  void broken(PooledConnection& connection, Error error, Now now);
  void session_timer(PooledConnection& connection, Now now);
  void idle_timer(Job& job, Now now);
  void continue_timer(Job& job, Now now);
  void upload_changed(Job& job, Now now);
  void set_priority(Job& job, Priority priority, Now now);
  void consume(Job& job, std::size_t bytes, Now now);
  // A timer of the transfer's limits is due (TransferLimits); and one of the rates of all transfers.
  void pace_timer(Job& job, TimerKind kind, Now now);
  void share_rates(TimerKind kind, Now now);
  void change_pace(Job& job, Now now);  // the rates of all transfers have changed
  // Call it after a read was decoded: looks at what it may have ended.
  void after_bytes(PooledConnection& connection, Now now);

 private:
  bool start(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early = nullptr);
  Result<void> open(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early);
  void note_early(PooledConnection& connection, Job& job, const tls::EarlyData& data, Now now);
  Result<void> may_forward(const Url& url) const;
  Result<void> withhold_body(Job& job, http::Exchange& exchange) const;
  Result<void> carry_login(const PooledConnection& connection, Job& job, http::Exchange& exchange) const;
  bool serve_held(PooledConnection& connection, Now now);
  void detach(PooledConnection& connection, Job& job);  // the exchange is over for both
  void abort(Job& job, Error error, Now now);
  bool may_retry(const PooledConnection& connection, const Job& job) const;
  bool timed_out_at_peer(const PooledConnection& connection, const Job& job) const;
  void retry(Job& job, bool elsewhere, Now now);
  Result<std::optional<flow::NextHop>> ask_rule(const Job& job, const Error* failure, Now now);
  // For both the transfer must be on no connection and in no list of the pool.
  void hop_failed(Job& job, Error error, Now now);
  bool may_go_another_way(const Job& job, Code code) const;
  void go_another_way(Job& job, Now now);
  void next_hop(Job& job, flow::NextHop next, std::optional<Error> failure, Now now);
  // The rest of a response that another hop follows is not read: the exchange is aborted, which ends an HTTP/1
  // connection.
  void cut_hop(PooledConnection& connection, Job& job, Now now);
  // Call it when the session may have bytes to send, room for more exchanges, or another deadline.
  void settle(PooledConnection& connection, Now now);
  void set_timer(PooledConnection& connection, Now now);
  void pump(PooledConnection& connection, Now now);
  http::ResponseRules response_rules(const Job& job) const;

  void dispatch(PooledConnection& connection, Now now);
  void on_event(PooledConnection& connection, Job& job, http::Event& event, Now now);
  void note_hosts(const Job& job, Now now) const;
  void on_refused(PooledConnection& connection, Job& job, http::Event& event, Now now);
  void retry_later(Job& job, Now now);
  // For a transfer that may have more than one hop.
  void on_head_of_chain(PooledConnection& connection, Job& job, std::optional<std::uint64_t> body_length, Now now);
  static void note_login(PooledConnection& connection, const Job& job, bool believed);
  static void note_proxy_login(PooledConnection& connection, const Job& job);
  Result<bool> hop_follows(Job& job, Now now);
  void skip_body(PooledConnection& connection, Job& job, Bytes body, Now now);
  void on_head(Job& job, std::optional<std::uint64_t> body_length, Now now);
  void on_body(PooledConnection& connection, Job& job, Bytes body, Now now);
  // Decodes what can be; the connection is null if the body is complete. False: the hop has failed.
  bool decode(PooledConnection* connection, Job& job, Now now);
  void check_interims(Job& job, Now now);
  void report_head(const Job& job);
  // True: settle() must follow.
  bool after_sending(const PooledConnection& connection, Job& job, Now now);
  bool waits_for_application(const PooledConnection& connection, const Job& job) const;

  // ---- limits of speed, and of a phase (carrier_pace.cpp) ----
  // True: its upload may go on, which the session does not know yet.
  bool pace_upload(Job& job, Now now);
  void note_response_byte(const PooledConnection& connection);
  void start_response_timer(Job& job, Now now);
  // The application has consumed bytes of a body: the peer may send more of it, as fast as the transfer's rate allows.
  void open_window(const PooledConnection& connection, Job& job, std::size_t bytes, Now now);
  void measure_speed(Job& job, Now now);
  template <class Step>
  void go_on(TransferId id, Step step, Now now);
  void may_receive(TransferId id, Now now);
  void may_send(TransferId id, Now now);

  const EngineOptions& options_;
  const flow::HopRule* const rule_;
  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  Jobs& jobs_;
  Connections& connections_;
  Connector* const connector_;
  std::vector<http::Event> events_;
  std::vector<http::StreamId> moved_;
  std::uint64_t requests_ = 0;
  std::uint64_t reused_ = 0;  // of these, on a connection that had carried another one before
  std::string cookies_;       // of the exchange that is being opened
};

}  // namespace sluice::engine
