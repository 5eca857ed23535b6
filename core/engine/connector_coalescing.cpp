// See connector.hpp. Here: requests that go on the connection of another host (RFC 9113 9.1.1), in place of a
// connection that would be made. Leaves finding such connections to core/pool/coalescing.hpp, and the check of the
// certificate to the TLS layer.
#include "core/base/limits.hpp"
#include "core/engine/connector.hpp"

namespace sluice::engine {

using pool::Dial;
using pool::Endpoint;

bool Connector::may_join(const Dial& dial, const Endpoint& endpoint) const {
  if (!options_.coalesce_connections || dial.has_winner || endpoint.stays_apart) return false;
  const Job* const sponsor = jobs_.find(dial.sponsor);
  return sponsor && !pool_.wants_fresh(endpoint, *sponsor) && pool::may_share(endpoint);
}

// Where a request of this host went before, no name is looked up, as for a connection of its own.
std::optional<DialEnd> Connector::join_or_look_up(Dial& dial, Endpoint& endpoint, Now now) {
  PooledConnection* const connection = may_join(dial, endpoint) ? connections_.find(endpoint.joined) : nullptr;
  if (connection && pool_.takes_guests(*connection, now)) return joined(dial, endpoint, *connection, now);
  if (dial.expected > 1) limit_waiters(endpoint, now);
  return look_up(dial, endpoint, now);
}

// The host's addresses are known, or the first part of them, and no attempt was begun.
std::optional<DialEnd> Connector::join(Dial& dial, Endpoint& endpoint, Now now) {
  if (dial.race.tried() != 0 || pool_.coalescing().empty() || !may_join(dial, endpoint)) return std::nullopt;
  const pool::Destination& place = endpoint.destination;
  const pool::PeerName& peer = endpoint.peer;
  const auto suits = [&](PooledConnection& connection) {
    if (connection.endpoint == endpoint.id || !pool_.takes_guests(connection, now)) return false;
    if (dial.certificates_checked >= limits::kMaxCoalescingChecks) return false;
    ++dial.certificates_checked;
    return connection.channel.proves(peer.host, peer.kind, peer.port, now);
  };
  for (const IpAddress& known : dial.race.addresses()) {
    const std::uint16_t port = port_of(dial, place);
    const auto allowed = ask_rule(place.host, port, known, false);
    if (!allowed) continue;
    if (PooledConnection* const found = pool_.coalescing().find(pool::shared_key(endpoint, {*allowed, port}), suits)) {
      return joined(dial, endpoint, *found, now);
    }
  }
  return std::nullopt;
}

DialEnd Connector::joined(Dial& dial, Endpoint& endpoint, PooledConnection& connection, Now now) {
  endpoint.joined = connection.id;
  pool_.guest_comes(connection);
  DialEnd told{.sponsor = dial.sponsor, .connection = &connection};
  end(dial, false);
  endpoint.dialing_since = endpoint.dials.empty() ? std::nullopt : std::optional(now.steady);
  return told;
}

// RFC 9110 15.5.20: the request was not processed, so its method does not matter. True: it can be sent again; if it
// cannot, the next request goes elsewhere all the same.
bool Connector::was_misdirected(const PooledConnection& connection, const Job& job) {
  constexpr int kMisdirectedRequest = 421;
  if (job.head.status != kMisdirectedRequest || connection.endpoint == job.endpoint) return false;
  pool_.find(job.endpoint)->stays_apart = true;
  return job.options.resend && job.upload.replayable();
}

}  // namespace sluice::engine
