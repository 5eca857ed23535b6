// See connector.hpp. Here: requests that go on the connection of another host (RFC 9113 9.1.1), in place of a
// connection that would be made; a dial waits for one that is being made, and at the limit of all connections it takes
// no place before it is known that it must connect. Leaves finding such connections to core/pool/coalescing.hpp, and
// the check of the certificate to the TLS layer.
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
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

// As those who wait for a dial to their own host (CURLOPT_PIPEWAIT): what will be known of a connection to the same
// address is waited for once. While that is not even open, it is waited for no longer than the next address would be.
bool Connector::awaits_host(Dial& dial, const Endpoint& endpoint, Now now) {
  pool::Coalescing& shared = pool_.coalescing();
  if (shared.empty() || dial.race.tried() != 0) return false;
  const Job* const sponsor = jobs_.find(dial.sponsor);
  const bool may_wait = sponsor && sponsor->pipewait && may_join(dial, endpoint);
  if (dial.guest.host && may_wait) {
    if (dial.guest.host->connection().channel.phase() == channel::ChannelPhase::securing) return true;
    if (now.steady < dial.guest.until) return dialer_.look_again(dial, dial.guest.until - now.steady, now), true;
  }
  shared.leave(dial.guest);
  if (dial.guest.has_waited || !may_wait) return false;
  const pool::Destination& place = endpoint.destination;
  const auto suits = [&](const PooledConnection& connection) { return connection.endpoint != endpoint.id; };
  for (const IpAddress& known : dial.race.addresses()) {
    const std::uint16_t port = port_of(dial, place);
    const auto allowed = ask_rule(place.host, port, known, false);
    if (!allowed) continue;
    pool::Coalescing::Place* const host = shared.find_announced(pool::shared_key(endpoint, {*allowed, port}), suits);
    if (!host) continue;
    dialer_.look_again(dial, limits::kAddressStagger, now);
    dialer_.limit_phase(dial, std::nullopt, now);  // the look-up is over
    dial.guest.until = Timers::later(now.steady, limits::kAddressStagger);
    shared.wait(dial.guest, *host);
    return true;
  }
  return false;
}

// Its place in the limits, which it has not taken yet: that of an idle one, if no other is free.
bool Connector::has_place(Dial& dial) {
  if (pool_.claim(dial)) return true;
  PooledConnection* const idle = pool_.in_place_of(dial);
  if (!idle) return false;
  connections_.close(*idle, true);
  return pool_.claim(dial);
}

// Those that were idle have been taken by others.
DialEnd Connector::put_back(Dial& dial) noexcept {
  DialEnd told{.sponsor = dial.sponsor, .waits = true};
  end(dial, false);
  return told;
}

// Without memory no other host waits for it, or uses it.
void Connector::announce(PooledConnection& connection, const Endpoint& endpoint) noexcept {
  if (!options_.coalesce_connections || !pool::may_share(endpoint)) return;
  has_memory_for([&] {
    connection.place = pool_.coalescing().announce(connection, pool::shared_key(endpoint, connection.address));
  });
}

void Connector::offer(PooledConnection& connection, const Endpoint& endpoint) noexcept {
  connection.place.reset();
  if (!options_.coalesce_connections || !connection.multiplexes || !pool::may_share(endpoint)) return;
  has_memory_for(
      [&] { connection.place = pool_.coalescing().offer(connection, pool::shared_key(endpoint, connection.address)); });
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
