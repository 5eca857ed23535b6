// A connection, or the attempt to have one, with what the pool has to know of it: what it carries, how long it is
// unused, who may take it. Plain data; decisions are in pool.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/address.hpp"
#include "core/base/list.hpp"
#include "core/base/timers.hpp"
#include "core/channel/channel.hpp"
#include "core/pool/exchanges.hpp"

namespace sluice::pool {

using EndpointId = Id<struct EndpointTag>;
using DialId = Id<struct DialTag>;

struct PooledConnection {
  void recycle();
  http::Session& session() const { return *channel.session(); }
  bool is_open() const;  // its transport is there and it has not been given up
  bool is_ready() const { return channel.phase() == channel::ChannelPhase::ready; }
  bool stands() const { return is_ready() && dial == DialId{}; }  // it is made, and the pool's
  bool is_closed() const { return channel.phase() == channel::ChannelPhase::closed; }
  bool is_idle() const;  // it has no exchange, and is kept for the next one
  // It was unused for a time, or had an exchange: the peer may have closed it meanwhile.
  bool was_used() const { return was_idle || exchanges_carried > 0; }
  // How many more exchanges it takes now.
  std::size_t room() const { return last_use || write_broken ? 0 : session().open_capacity(); }
  std::string peer() const { return route_name.empty() ? address.to_string() : route_name; }  // for messages

  ConnId id;
  EndpointId endpoint;
  DialId dial;  // until it is ready
  channel::Channel channel;
  Address address;
  std::string route_name;  // "" with an address
  Exchanges exchanges;
  std::shared_ptr<const LayerFacts> layers;
  std::uint32_t exchanges_carried = 0;  // the present ones included
  bool multiplexes = false;             // as its session says
  bool was_idle = false;
  bool interest_announced = false;
  bool write_broken = false;  // a send failed; what the peer said before may still be read
  bool last_use = false;      // no exchange may follow those that it has
  // An output that found no room among the others (engine/connections.hpp).
  bool interest_owed = false, close_owed = false;
  Instant idle_since;                // since the end of the last answer, parked or not
  std::optional<Duration> kept_for;  // by the peer, unused, as its Keep-Alive field says: a margin is taken off
  std::optional<Instant> resolved, connected, secured;
  std::optional<Error> send_error;
  Timers::Handle expiry_timer, session_timer;
  Link<PooledConnection> idle_here, idle_anywhere, offered_here;
};
using IdleHere = List<PooledConnection, &PooledConnection::idle_here>;
using IdleAnywhere = List<PooledConnection, &PooledConnection::idle_anywhere>;
using OfferedHere = List<PooledConnection, &PooledConnection::offered_here>;

inline bool PooledConnection::is_idle() const { return IdleAnywhere::contains(*this); }

}  // namespace sluice::pool
