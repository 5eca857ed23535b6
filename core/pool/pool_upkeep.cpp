// The upkeep of pool.hpp: changes of limits, connections that other endpoints use, its rules for tests, and the state
// after memory has run out. Leaves the decisions to pool.cpp.
#include <algorithm>

#include "core/base/check.hpp"
#include "core/pool/pool.hpp"

namespace sluice::pool {

void Pool::set_limits(const EngineLimits& limits) {
  limits_ = limits;
  limits_.idle_connection_timeout = std::max(limits_.idle_connection_timeout, Duration::zero());
  limits_changed_ = true;
  trimmed_ = 0;
  proxies_.limit_changed();
  if (limits_.max_connections != 0) return;  // the endpoints that wait get their turns in order
  while (Endpoint* endpoint = starved_.pop_front()) make_pending(*endpoint);
}

// Walks all endpoints, once for each set_limits().
std::optional<Grant> Pool::trim() {
  while (const auto id = endpoints_.first_live(*trimmed_)) {
    Endpoint& endpoint = *endpoints_.find(*id);
    trimmed_ = id->index;
    const std::size_t most = allowed(endpoint);
    if (most != 0 && endpoint.open > most && !endpoint.idle.empty())
      return Grant{.kind = Grant::Kind::close, .connection = endpoint.idle.back()};
    const ProxyPlaces* const proxy = AllProxyPlaces::of(endpoint);
    const bool beyond = proxy && AllProxyPlaces::exceeds(*proxy, limits_.max_connections_per_proxy);
    if (beyond && !proxy->spare.empty()) return spare_at(*proxy);
    if (!endpoint.queue.empty()) make_pending(endpoint);
    ++*trimmed_;
  }
  if (limits_.max_connections != 0 && open_ > limits_.max_connections && has_spare()) return spare();
  trimmed_.reset();
  return std::nullopt;
}

// An idle one may have expired, and its timer be late.
bool Pool::takes_guests(const PooledConnection& connection, Now now) const {
  if (!connection.is_established() || connection.room() == 0 || is_worn_out(connection, now)) return false;
  if (connection.is_idle()) return now.steady - connection.idle_since < idle_limit(connection);
  return !must_yield(connection, *find(connection.endpoint));
}

// ---- for tests, and when memory runs out ----

void Pool::check_invariants() const {
  std::size_t open = 0, idle = 0, queued = 0, through_proxies = 0;
  endpoints_.for_each([&](EndpointId, const Endpoint& endpoint) {
    open += endpoint.open;
    idle += endpoint.idle.size();
    queued += endpoint.queue.size();
    if (endpoint.through) {
      through_proxies += endpoint.open;
      SLUICE_CHECK(!endpoint.through->starved.linked || !endpoint.queue.empty());
      SLUICE_CHECK(endpoint.through->spare.linked == (!endpoint.idle.empty() || !endpoint.orphans.empty()));
    }
    SLUICE_CHECK(endpoint.queue.empty() || (endpoint.orphans.empty() && !endpoint.unused()));
    SLUICE_CHECK(!StarvedList::contains(endpoint) || !endpoint.queue.empty());
    const std::size_t most = allowed(endpoint);
    // Only connections that were in use when a limit was lowered may exceed it.
    SLUICE_CHECK(most == 0 || endpoint.open <= most || (limits_changed_ && endpoint.idle.empty()));
    SLUICE_CHECK(endpoint.unused() == UnusedList::contains(endpoint));
  });
  SLUICE_CHECK(open == open_ && idle == idle_.size() && queued == queued_ && pending_.empty() && !trimmed_);
  const bool within = limits_.max_connections == 0 || open_ <= limits_.max_connections;
  SLUICE_CHECK(within || (limits_changed_ && idle_.empty()));
  const std::size_t at_proxy = limits_.max_connections_per_proxy;
  proxies_.check_invariants([&](const ProxyPlaces& proxy) {
    through_proxies -= proxy.open;
    const bool full = AllProxyPlaces::is_full(proxy, at_proxy);
    SLUICE_CHECK(proxy.starved.empty() || (full && proxy.spare.empty()) || !starved_.empty());
    const bool beyond = AllProxyPlaces::exceeds(proxy, at_proxy);
    SLUICE_CHECK(!beyond || (limits_changed_ && proxy.spare.empty()));
  });
  SLUICE_CHECK(through_proxies == 0);
}

void Pool::reset() noexcept {
  idle_ = {};
  orphans_ = {};
  pending_ = {};
  starved_ = {};
  yielding_ = {};
  unused_ = {};
  starved_turn_ = proxy_turn_ = false;
  proxies_.reset();
  trimmed_.reset();
  open_ = 0;
  queued_ = 0;
  endpoints_.for_each([](EndpointId, Endpoint& endpoint) {
    endpoint.queue = {};
    endpoint.dialing = {};
    endpoint.idle = {};
    endpoint.offered = {};
    endpoint.dials = {};
    endpoint.orphans = {};
    endpoint.pending = endpoint.starved = endpoint.yielding = endpoint.unused_link = {};
    if (endpoint.through) endpoint.through->starved = endpoint.through->spare = {};
    endpoint.transfers = endpoint.expected_more = endpoint.open = 0;
  });
}

void Pool::count_again(const Waiter& waiter) noexcept { ++endpoints_.find(waiter.endpoint)->transfers; }

void Pool::look_at_all() noexcept {
  endpoints_.for_each([this](EndpointId, Endpoint& endpoint) { make_pending(endpoint); });
}

}  // namespace sluice::pool
