// A connection, or an attempt to connect, with the data that the pool needs: its exchanges, how long it is unused, and
// who may use it. Plain data. Leaves decisions to pool.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/address.hpp"
#include "core/base/list.hpp"
#include "core/base/optional_instant.hpp"
#include "core/base/timers.hpp"
#include "core/channel/channel.hpp"
#include "core/pool/coalescing.hpp"
#include "core/pool/exchanges.hpp"

namespace sluice::pool {

using EndpointId = Id<struct EndpointTag>;

struct PooledConnection {
  void recycle();
  http::Session& session() const { return *channel.session(); }
  bool is_open() const;  // the transport is open and the connection was not closed
  bool is_ready() const { return channel.phase() == channel::ChannelPhase::ready; }
  bool is_established() const { return is_ready() && dial == DialId{}; }  // and in the pool's care
  bool is_closed() const { return channel.phase() == channel::ChannelPhase::closed; }
  bool is_idle() const;  // it has no exchange and is kept for the next one
  // It was idle or had an exchange, so the peer may have closed it in the meantime.
  bool was_used() const { return was_idle || exchanges_carried > 0; }
  bool is_untold() const { return hoped_more != kTold; }
  // How many more exchanges it can take now. Only if it has a session.
  std::size_t room() const { return last_use || write_broken ? 0 : session().open_capacity(); }
  std::string peer() const { return route_name.empty() ? address.to_string() : route_name; }  // for messages

  ConnId id;
  EndpointId endpoint;
  DialId dial;  // the dial that makes it, until it is established
  channel::Channel channel;
  Address address;
  std::string route_name;  // "" if there is an address
  Exchanges exchanges;
  std::shared_ptr<const StreamFacts> facts;  // null: none are known
  std::uint32_t exchanges_carried = 0;       // open exchanges included
  bool multiplexes = false;                  // Session::multiplexes()
  bool was_idle = false;
  bool interest_announced = false;
  bool write_broken = false;         // a send failed; what the peer sent before may still be read
  bool last_use = false;             // no further exchange may be opened
  bool logged_in = false;            // as the account of its endpoint
  bool logged_in_at_proxy = false;   // that forwards its requests, as the user of the endpoint's proxy
  std::uint8_t addresses_tried = 0;  // as TransferInfo::addresses_tried
  // Only this transfer may open the next exchange (flow::NextHop::same_connection); default: any transfer may.
  TransferId held_for;
  // There was no memory to queue this output (engine/connections.hpp).
  bool interest_deferred = false, close_deferred = false;
  // Until the peer says how many exchanges it takes (Session::will_tell_capacity()): so many more than it has room for
  // are expected, in Endpoint::expected_more. kTold: it has said so, or it does not matter any more.
  static constexpr std::uint16_t kTold = UINT16_MAX;
  std::uint16_t hoped_more = kTold;
  Instant idle_since;  // the end of the last response, idle or not
  // How long the peer keeps it unused, by its Keep-Alive field, less a margin; the greatest one if it does not say.
  Duration kept_for = Duration::max();
  OptionalInstant resolved, connected, secured;
  std::unique_ptr<Coalescing::Place> place;  // null: no other host may use it, now or when it is made
  std::unique_ptr<Error> send_error;         // null: none; it is rare, and idle connections are many
  Timers::Handle expiry_timer, session_timer;
  Link<PooledConnection> idle_here, idle_anywhere, offered_here;
};
using IdleHere = List<PooledConnection, &PooledConnection::idle_here>;
using IdleAnywhere = List<PooledConnection, &PooledConnection::idle_anywhere>;
using OfferedHere = List<PooledConnection, &PooledConnection::offered_here>;

inline bool PooledConnection::is_idle() const { return IdleAnywhere::contains(*this); }

}  // namespace sluice::pool
