// See origin.hpp: what is left of each when its slot is used again.
#include "core/engine/origin.hpp"

#include "core/base/check.hpp"

namespace sluice::engine {

void Socket::recycle() {
  SLUICE_CHECK(!idle_in_origin.linked && !idle_in_engine.linked);
  id = {};
  origin = {};
  dial = {};
  stack.reset();
  address = {};
  route_name.clear();
  exchanges.clear();
  tls.reset();
  exchanges_carried = 0;
  was_idle = interest_announced = write_broken = last_use = interest_owed = close_owed = false;
  idle_since = {};
  kept_for.reset();
  resolved.reset();
  connected.reset();
  secured.reset();
  send_error.reset();
}

void Dial::recycle() {
  SLUICE_CHECK(!in_origin.linked && !orphan_in_origin.linked && !orphan_in_engine.linked);
  id = {};
  origin = {};
  sponsor = {};
  resolving = false;
  addresses.clear();
  next_address = 0;
  attempts.clear();
  resolved.reset();
  last_error.reset();
  failures.clear();
}

std::string Origin::where() const {
  if (route) return route->name();
  const bool literal = host.find(':') != std::string::npos;
  return (literal ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

void Origin::recycle() {
  SLUICE_CHECK(unused() && !pending.linked && !starved.linked && !unused_link.linked);
  id = {};
  route.reset();
  tls.reset();
  resolve = {};
  addresses.clear();
  addresses_until.reset();
  known_in_part = closes_unsaid = keeps = false;
  ipv6_until = {};
}

}  // namespace sluice::engine
