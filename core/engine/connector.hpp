// Makes connections: names to addresses, attempts, then the layers' handshakes and the session. Carries out what the
// dialer decides. Answers with facts; leaves to others who is connected for (core/pool/pool.hpp) and what the
// connection then carries (carrier.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/connections.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/outbox.hpp"
#include "core/pool/dialer.hpp"
#include "core/pool/name_cache.hpp"
#include "core/pool/pool.hpp"
#include "core/tls/session_cache.hpp"

namespace sluice::engine {

// What came of a dial, which is over.
struct DialEnd {
  TransferId sponsor;                      // none: nobody waited
  PooledConnection* connection = nullptr;  // it stands and has its session; null: it failed
  Error error = {};
};

class Connector {
 public:
  // All must outlive it.
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

  // In each of these std::bad_alloc leaves a dial that can only fail: failed().
  // A dial for this transfer, which waits in no list. Null: no memory, and nothing has changed.
  pool::Dial* begin(pool::Endpoint& endpoint, Job& sponsor, Now now);
  std::optional<DialEnd> start(pool::Dial& dial, Job& sponsor, Now now);  // after begin()
  void take_over(pool::Dial& dial, Job& sponsor, Now now);
  // Its sponsor needs it no more. `unwanted`: nor does anybody, if nobody waits.
  void orphan(pool::DialId id, bool unwanted, Now now);  // without memory for its time it is given up
  std::optional<DialEnd> answered(pool::Dial& dial, const pool::NameCache::Answered& answer, Now now);
  std::optional<DialEnd> next_attempt(pool::Dial& dial, Now now);
  std::optional<DialEnd> connected(PooledConnection& connection, Now now);
  std::optional<DialEnd> attempt_failed(PooledConnection& connection, Error error, Now now);
  // After its layers have had bytes, or have had bytes taken.
  std::optional<DialEnd> handshake_moved(PooledConnection& connection, Now now);
  std::optional<DialEnd> timed_out(pool::Dial& dial, Now now);
  // The connect timer of a transfer that counts, or counted, on others' dials has come. It ends with this error, or
  // goes on waiting.
  std::optional<Error> wait_timed_out(Job& job, Now now);
  // Needs no memory.
  DialEnd failed(pool::Dial& dial, Error error) noexcept;
  void abandon(pool::Dial& dial) noexcept;
  // The dial that makes this connection; null: it is made.
  pool::Dial* dial_of(const PooledConnection& connection) { return dialer_.find(connection.dial); }

  // Nothing outlives the endpoint under its key.
  void forget(pool::Endpoint& endpoint);
  std::vector<std::string>& key_log() { return key_log_; }

 private:
  std::optional<DialEnd> look_up(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  std::optional<DialEnd> use(pool::Dial& dial, const pool::Endpoint& endpoint, const std::vector<IpAddress>& addresses,
                             Now now);
  const EngineOptions::KnownAddresses* known(const pool::Destination& destination) const;
  void begin_attempt(pool::Dial& dial, const pool::Endpoint& endpoint, Now now);
  void limit_waiters(const pool::Endpoint& endpoint, Now now);
  Error no_time(const pool::Dial& dial, std::optional<Duration> time);
  void take_sponsor(pool::Dial& dial, Job& sponsor, Now now);
  Result<void> build_layers(PooledConnection& connection, const pool::Endpoint& endpoint);
  std::optional<DialEnd> stands(PooledConnection& connection, pool::Dial& dial, Now now);
  PooledConnection* winner(const pool::Dial& dial);
  void close_attempts(pool::Dial& dial, const PooledConnection* but) noexcept;
  void end(pool::Dial& dial, bool connection_stands) noexcept;

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
};

}  // namespace sluice::engine
