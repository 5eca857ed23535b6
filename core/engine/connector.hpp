// Makes connections: look-ups, attempts, the layers' handshakes and the session. Does what the dialer decides, and
// returns its result. Leaves to others: for which transfer a connection is made (core/pool/pool.hpp), and its
// exchanges (carrier.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/connections.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/layers.hpp"
#include "core/engine/outbox.hpp"
#include "core/pool/dialer.hpp"
#include "core/pool/name_cache.hpp"
#include "core/pool/pool.hpp"
#include "core/tls/session_cache.hpp"

namespace sluice::engine {

// The result of a dial that has ended.
struct DialEnd {
  TransferId sponsor;                      // default: none
  PooledConnection* connection = nullptr;  // the established connection; null: the dial has failed
  Error error = {};
  int connect_status = 0;                               // after a failure: as TransferInfo::connect_status
  std::uint8_t addresses_tried = 0;                     // after a failure: as TransferInfo::addresses_tried
  std::shared_ptr<pool::EarlyRequest> early = nullptr;  // of the sponsor; null: none
  bool waits = false;                                   // there is no room for a connection: the sponsor waits for that
};

// "connect to NAME:PORT: forbidden by the address rule: 10.0.0.1". May throw std::bad_alloc.
Error forbidden(std::string_view host, std::uint16_t port, std::string_view addresses);

class Connector {
 public:
  // All must outlive this object.
  Connector(const EngineOptions& options, http::SessionFactory& sessions, Outbox& outbox, pool::Pool& pool,
            pool::Dialer& dialer, pool::NameCache& names, tls::SessionCache& tls_sessions, Jobs& jobs,
            Connections& connections)
      : options_(options),
        sessions_(sessions),
        outbox_(outbox),
        pool_(pool),
        dialer_(dialer),
        names_(names),
        tls_sessions_(tls_sessions),
        jobs_(jobs),
        connections_(connections) {}
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // After std::bad_alloc from one of these functions the dial must be ended with failed().
  // A new dial for this transfer, which must be in no list. Null: not enough memory, and nothing has changed.
  // `borrows`: see pool::DialSlot.
  pool::Dial* begin(pool::Endpoint& endpoint, Job& sponsor, bool borrows, Now now);
  std::optional<DialEnd> start(pool::Dial& dial, Job& sponsor, Now now);  // after begin()
  std::optional<DialEnd> take_over(pool::Dial& dial, Job& sponsor, Now now);
  // The sponsor does not need the dial any more. `unwanted`: it is given up if no transfer waits. Does nothing for a
  // stale id.
  void orphan(pool::DialId id, bool unwanted, Now now);  // if there is no memory for its timer, it is given up
  std::optional<DialEnd> answered(pool::Dial& dial, const pool::NameCache::Answered& answer, Now now);
  std::optional<DialEnd> next_attempt(pool::Dial& dial, Now now);
  std::optional<DialEnd> connected(PooledConnection& connection, const Address& local, Now now,
                                   std::shared_ptr<const StreamSecurity> security = nullptr);
  std::optional<DialEnd> attempt_failed(PooledConnection& connection, Error error, Now now);
  // Call it after the layers have received bytes, or after bytes of theirs were sent.
  std::optional<DialEnd> handshake_moved(PooledConnection& connection, Now now);
  // The handshakes of a connection have failed, or its stream has ended.
  std::optional<DialEnd> broken_off(PooledConnection& connection, Error error, Now now);
  std::optional<DialEnd> timed_out(pool::Dial& dial, Now now);
  std::optional<DialEnd> phase_timed_out(pool::Dial& dial, Now now);  // resolve_timeout or tls_timeout
  // The connect timer of a transfer has expired that counted on the dials of others. Returns the error with which the
  // transfer must end; nullopt: it goes on waiting.
  std::optional<Error> wait_timed_out(Job& job, Now now);
  // Whether the response is a 421 that comes because the request went on another host's connection: then it is sent
  // again, and from now on its host has connections of its own.
  bool was_misdirected(const PooledConnection& connection, const Job& job);
  // The transfer's request was made, to go with the handshake of its dial: it must not change.
  bool has_early(const Job& job) {
    const pool::Dial* const dial = dialer_.find(job.dial);
    return dial && dial->early;
  }
  // Ends the dial; needs no memory.
  DialEnd failed(pool::Dial& dial, Error error) noexcept;
  void abandon(pool::Dial& dial) noexcept;
  // The dial that makes this connection; null: the connection is established.
  pool::Dial* dial_of(const PooledConnection& connection) { return dialer_.find(connection.dial); }

  // Releases an unused endpoint, and TLS sessions that must not outlive it.
  void forget(pool::Endpoint& endpoint);
  std::vector<std::string>& key_log() { return key_log_; }
  void add_to(Counters& counters) const {  // what it counts
    counters.connections_made = made_;
    counters.connections_failed = failed_;
  }
  void forget_heads() noexcept { seen_heads_.clear(); }  // after a shortage of memory

 private:
  std::optional<DialEnd> look_up(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  std::optional<DialEnd> use(pool::Dial& dial, const pool::Endpoint& endpoint, const std::vector<IpAddress>& addresses,
                             Now now);
  // ---- connector_services.cpp ----
  std::uint16_t https_port(const pool::Endpoint& endpoint) const;
  std::uint16_t port_of(const pool::Dial& dial, const pool::Destination& place) const;
  std::optional<DialEnd> learn(pool::Dial& dial, const pool::Endpoint& endpoint, const pool::Name& name, bool complete,
                               Now now);
  std::optional<DialEnd> learn_of_target(pool::Dial& dial, const pool::Name& name, const Result<void>& result,
                                         bool complete, Now now);
  static void choose_service(pool::Dial& dial, const pool::Endpoint& endpoint, const pool::Name& name);
  std::optional<DialEnd> look_up_service(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  std::optional<DialEnd> fall_back(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  static bool leads_elsewhere(const pool::Dial& dial);
  static void note_keys(pool::Dial& dial, std::string_view list);
  bool is_of_target(const pool::Dial& dial) const;
  static bool lacks_records(const pool::Endpoint& endpoint, const pool::Name& name);
  // ---- connector_coalescing.cpp ----
  bool may_join(const pool::Dial& dial, const pool::Endpoint& endpoint) const;
  std::optional<DialEnd> join_or_look_up(pool::Dial& dial, pool::Endpoint& endpoint, Now now);
  std::optional<DialEnd> join(pool::Dial& dial, pool::Endpoint& endpoint, Now now);
  bool awaits_host(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  bool has_place(pool::Dial& dial);
  DialEnd put_back(pool::Dial& dial) noexcept;
  void announce(PooledConnection& connection, const pool::Endpoint& endpoint) noexcept;
  void offer(PooledConnection& connection, const pool::Endpoint& endpoint) noexcept;
  DialEnd joined(pool::Dial& dial, pool::Endpoint& endpoint, PooledConnection& connection, Now now);
  // ---- connector_names.cpp ----
  std::optional<DialEnd> look_up_target(pool::Dial& dial, const pool::Endpoint& endpoint, std::size_t proxy, Now now);
  std::optional<DialEnd> target_answered(pool::Dial& dial, std::size_t proxy, const pool::NameCache::Answered& answer,
                                         Now now);
  std::optional<DialEnd> take_target(pool::Dial& dial, const pool::Endpoint& endpoint, std::size_t proxy,
                                     const std::vector<IpAddress>& addresses, Now now);
  const EngineOptions::KnownAddresses* known_entry(std::string_view host, std::uint16_t port, Now now) const;
  std::optional<std::vector<IpAddress>> known(const std::string& host, std::uint16_t port, std::string_view zone,
                                              Now now) const;
  std::optional<IpAddress> ask_rule(const std::string& host, std::uint16_t port, const IpAddress& address,
                                    bool is_proxy) const;
  std::optional<Error> forbidden_target(const pool::Endpoint& endpoint) const;
  pool::NameCache::Known ask_cache(pool::Name& name, Now now);
  std::optional<DialEnd> lose_soon(pool::Dial& dial, Error error, Now now);
  std::optional<DialEnd> lose_soon(pool::Dial& dial, const std::string& host, Now now);
  void wait_for(pool::Dial& dial, pool::Name& name, AddressFamily family, Now now);
  const TransferLimits* limits_of(const pool::Dial& dial) const;
  // The proxy that must be given an address which is not known yet.
  static std::optional<std::size_t> lacks_address(const pool::Dial& dial, const pool::Endpoint& endpoint);
  // A failed look-up was that of the origin's name.
  static bool lacks_origin(const pool::Dial& dial, const pool::Endpoint& endpoint);
  void limit_phase_again(pool::Dial& dial, Now now);
  std::optional<DialEnd> begin_again(pool::Dial& dial, PooledConnection& connection, Now now);
  std::nullopt_t begin_attempt(pool::Dial& dial, const pool::Endpoint& endpoint, const IpAddress& ip, Now now);
  void note_winner(const pool::Dial& dial, const pool::Endpoint& endpoint, PooledConnection& connection, Now now);
  void limit_waiters(const pool::Endpoint& endpoint, Now now);
  Error no_time(const pool::Dial& dial, std::optional<Duration> time);
  void take_sponsor(pool::Dial& dial, Job& sponsor, Now now);
  LayerParts parts() { return {options_, jobs_.memory(), tls_sessions_, key_log_, nullptr}; }
  void tell_heads(const PooledConnection& connection, const pool::Dial& dial) noexcept;
  std::optional<DialEnd> established(PooledConnection& connection, pool::Dial& dial, Now now);
  void uncount(const pool::Dial& dial);
  PooledConnection* winner(const pool::Dial& dial);
  void close_attempts(pool::Dial& dial, const PooledConnection* but) noexcept;
  void end(pool::Dial& dial, bool connection_stands) noexcept;
  void note_failure(ConnId id, const Error& error) noexcept;
  void ask(output::Resolve wish, ResolveId id);

  const EngineOptions& options_;
  http::SessionFactory& sessions_;
  Outbox& outbox_;
  pool::Pool& pool_;
  pool::Dialer& dialer_;
  pool::NameCache& names_;
  tls::SessionCache& tls_sessions_;
  Jobs& jobs_;
  Connections& connections_;
  std::vector<std::string> key_log_;
  std::uint64_t made_ = 0;
  std::uint64_t failed_ = 0;
  std::vector<proxy::SeenHead> seen_heads_;  // of the handshake that goes on in this call; empty between calls
  std::optional<Instant> first_dial_;        // known addresses that expire count from here
};

}  // namespace sluice::engine
