// Of pool.hpp: what connections have shown of their peers: how many exchanges they take at once, whether they keep
// connections, and whether they take HTTP/2. Leaves what follows from that to pool.cpp.
#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/pool/pool.hpp"

namespace sluice::pool {

// Until the peer says how many exchanges it takes, no other connection is made for those that it may take.
void Pool::established(PooledConnection& connection) {
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  http::Session& session = connection.session();
  if (connection.multiplexes && endpoint.told_capacity != 0) session.assume_capacity(endpoint.told_capacity);
  const std::size_t room = session.open_capacity();
  const bool is_outdated = connection.multiplexes && endpoint.wants_http1;
  const bool is_untold = !is_outdated && !connection.last_use && session.will_tell_capacity();
  if (is_untold) {
    const std::size_t hoped =
        std::min<std::size_t>(endpoint.carries.value_or(limits::kMaxStreams), limits::kMaxStreams);
    connection.hoped_more = static_cast<std::uint16_t>(hoped - std::min(hoped, room));
    endpoint.expected_more += connection.hoped_more;
  } else if (is_outdated) {
    endpoint.carries.reset();  // it says nothing of those over HTTP/1.1
  } else {
    endpoint.carries = static_cast<std::uint32_t>(std::min<std::size_t>(room, UINT32_MAX));
  }
  const bool is_over = endpoint.dials.empty() && !(is_untold && connection.hoped_more > 0);
  endpoint.dialing_since = is_over ? std::nullopt : connection.secured;
  if (!endpoint.queue.empty()) make_pending(endpoint);  // those that counted on it may need their own
}

// It carries no further exchange.
void Pool::retire(PooledConnection& connection, Endpoint& endpoint) {
  connection.last_use = true;
  endpoint.offered.remove(connection);
  if (connection.is_untold()) stop_hoping(connection, endpoint);
}

void Pool::stop_hoping(PooledConnection& connection, Endpoint& endpoint) {
  endpoint.expected_more -= std::exchange(connection.hoped_more, PooledConnection::kTold);
  if (endpoint.dials.empty() && endpoint.expected_more == 0) endpoint.dialing_since.reset();
}

void Pool::note_refusal(const PooledConnection& connection) {
  const auto told = connection.session().told_capacity();
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  if (told) endpoint.carries = endpoint.told_capacity = static_cast<std::uint32_t>(std::max<std::size_t>(*told, 1));
}

// A peer that closes a connection right after its first response, and never had one used twice, does not keep
// connections. A peer that did keep one before may only be shutting down.
void Pool::note_end(const PooledConnection& connection, Now now) {
  if (connection.multiplexes && !connection.session().reusable()) return;  // it was announced
  for (const auto& [stream, transfer] : connection.exchanges) {
    if (connection.session().response_started(stream)) return;
  }
  const std::uint32_t answered = connection.exchanges_carried - static_cast<std::uint32_t>(connection.exchanges.size());
  if (answered != 1 || now.steady - connection.idle_since >= limits::kSettleTime) return;
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  if (std::exchange(endpoint.keeps, false)) return;  // the first time may be an accident
  endpoint.closes_unannounced = true;
}

bool Pool::needs_http1(const PooledConnection& connection, const Waiter& waiter) {
  Endpoint& endpoint = *endpoints_.find(waiter.endpoint);
  if (connection.endpoint != endpoint.id) endpoint.stays_apart = true;
  if (endpoint.protocol == http::Protocol::negotiated) {
    endpoint.protocol = http::Protocol::http1;
    endpoint.wants_http1 = true;
    endpoint.carries.reset();
    // Those that it has for HTTP/2 carry no other exchange; those that are full now: room_changed().
    while (PooledConnection* const other = endpoint.offered.front()) retire(*other, endpoint);
    for (PooledConnection* other = endpoint.idle.front(); other; other = IdleHere::next(*other)) {
      if (other->multiplexes) retire(*other, endpoint);
    }
  }
  return endpoint.protocol == http::Protocol::http1;
}

}  // namespace sluice::pool
