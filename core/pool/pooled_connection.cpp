// See pooled_connection.hpp.
#include "core/pool/pooled_connection.hpp"

#include "core/base/check.hpp"

namespace sluice::pool {

bool PooledConnection::is_open() const {
  const channel::ChannelPhase phase = channel.phase();
  return phase == channel::ChannelPhase::securing || phase == channel::ChannelPhase::ready;
}

void PooledConnection::recycle() {
  SLUICE_CHECK(!idle_here.linked && !idle_anywhere.linked && !offered_here.linked);
  id = {};
  endpoint = {};
  dial = {};
  channel.reset();
  address = {};
  route_name.clear();
  exchanges.clear();
  facts.reset();
  exchanges_carried = 0;
  addresses_tried = 0;
  hoped_more = kTold;
  multiplexes = was_idle = interest_announced = write_broken = last_use = interest_deferred = close_deferred = false;
  logged_in = logged_in_at_proxy = false;
  held_for = {};
  idle_since = {};
  kept_for = Duration::max();
  resolved.reset();
  connected.reset();
  secured.reset();
  place.reset();
  send_error.reset();
}

}  // namespace sluice::pool
