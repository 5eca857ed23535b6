// See pool.hpp.
#include "core/pool/pool.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice::pool {

namespace {

Grant close_grant(PooledConnection& connection) { return {.kind = Grant::Kind::close, .connection = &connection}; }
Grant serve_grant(PooledConnection& connection, Waiter& waiter) {
  return {.kind = Grant::Kind::serve, .connection = &connection, .waiter = &waiter};
}

}  // namespace

// ---- endpoints ----

Endpoint& Pool::endpoint_for(const Request& request, const TransferOptions& options,
                             std::shared_ptr<const TlsConfig> tls, const Waiter& waiter) {
  endpoint_key(request, options, tls.get(), waiter, key_scratch_);
  if (const auto found = by_key_.find(std::string_view{key_scratch_}); found != by_key_.end()) {
    Endpoint* endpoint = endpoints_.find(found->second);
    SLUICE_CHECK(endpoint != nullptr);
    unused_.remove(*endpoint);
    return *endpoint;
  }
  EndpointId id;
  Endpoint* endpoint = endpoints_.emplace(id);
  if (!endpoint) throw std::bad_alloc();
  const bool noted = has_memory_for([&] {
    endpoint->key = key_scratch_;
    endpoint->describe(request, options, waiter);
    if (waiter.account && tls) {
      Waiter anyone;
      anyone.way = waiter.way;
      endpoint->key_of_sessions = std::make_unique<std::string>();
      endpoint_key(request, options, tls.get(), anyone, *endpoint->key_of_sessions);
    }
    by_key_.emplace(endpoint->key, id);
    proxies_.join(*endpoint);
  });
  if (!noted) {
    by_key_.erase(key_scratch_);  // endpoint->key may be an earlier one's, which another endpoint has now
    endpoints_.release(id);
    throw std::bad_alloc();
  }
  endpoint->id = id;
  endpoint->peer.tls = std::move(tls);
  return *endpoint;
}

void Pool::forget(Endpoint& endpoint) {
  by_key_.erase(endpoint.key);
  yielding_.remove(endpoint);
  proxies_.leave(endpoint);
  endpoints_.release(endpoint.id);
}

// Endpoints without transfers and connections are kept for a while, for what is known of their peers.
std::optional<Grant> Pool::retire(Endpoint& endpoint) {
  if (!endpoint.unused() || UnusedList::contains(endpoint)) return std::nullopt;
  // The owner of a route expects that the engine releases it.
  if (endpoint.destination.route) return Grant{.kind = Grant::Kind::forget, .endpoint = &endpoint};
  unused_.push_back(endpoint);
  if (unused_.size() <= limits::kMaxUnusedOrigins) return std::nullopt;
  return Grant{.kind = Grant::Kind::forget, .endpoint = unused_.pop_front()};
}

void Pool::make_pending(Endpoint& endpoint) {
  if (!PendingList::contains(endpoint)) pending_.push_back(endpoint);
}

// ---- waiters ----

void Pool::place(Waiter& waiter, const Request& request, const TransferOptions& options,
                 std::shared_ptr<const TlsConfig> tls) {
  waiter.endpoint = endpoint_for(request, options, std::move(tls), waiter).id;
}

void Pool::enter(Waiter& waiter, Endpoint& endpoint) {
  waiter.endpoint = endpoint.id;
  ++endpoint.transfers;
  endpoint.queue.push_back(waiter);
  ++queued_;
  make_pending(endpoint);
}

void Pool::enter_again(Waiter& waiter) {
  Endpoint& endpoint = *endpoints_.find(waiter.endpoint);
  waiter.dial = {};
  endpoint.queue.push_front(waiter);
  ++queued_;
  make_pending(endpoint);
}

// The last one of the queue is carried where all are, the first one where anything is. Those between are asked about
// when a dial begins.
bool Pool::counts_on_dials(const Waiter& waiter) const {
  const Endpoint& endpoint = *find(waiter.endpoint);
  if (endpoint.queue.front() == &waiter) return endpoint.expected_more > 0;
  return endpoint.expected_more >= endpoint.queue.size();
}

void Pool::withdraw(Waiter& waiter) {
  if (!WaitingList::contains(waiter)) return;
  Endpoint& endpoint = *endpoints_.find(waiter.endpoint);
  if (waiter.dial == DialId{}) {
    const bool held_up = endpoint.queue.front() == &waiter;  // those after it, which a connection may suit
    leave_queue(endpoint, waiter);
    if (held_up && !endpoint.queue.empty()) make_pending(endpoint);
  } else {
    endpoint.dialing.remove(waiter);
  }
}

void Pool::left(const Waiter& waiter) {
  Endpoint* endpoint = endpoints_.find(waiter.endpoint);
  if (!endpoint) return;
  SLUICE_CHECK(endpoint->transfers > 0);
  --endpoint->transfers;
  if (endpoint->unused()) make_pending(*endpoint);
}

// If the queue is empty, the endpoint does not wait for the limits on all connections and on its proxy's any more.
void Pool::leave_queue(Endpoint& endpoint, Waiter& waiter) {
  endpoint.queue.remove(waiter);
  --queued_;
  if (!endpoint.queue.empty()) return;
  starved_.remove(endpoint);
  proxies_.waits_no_more(endpoint);
  if (!yielding_.empty()) note_fewer_starve();
}

// Removes the oldest waiter that may use `connection` from its list and returns it. A waiter whose own connection is
// still being made is served too: that connection then goes to the next in the queue. A dialing waiter that may not use
// `connection` leaves the list and gets fresh_only, so that it does not block those after it.
Waiter* Pool::take_waiter(Endpoint& endpoint, const PooledConnection& connection, Now now) {
  while (Waiter* waiter = endpoint.dialing.pop_front()) {
    if (may_take(endpoint, *waiter, connection, now)) return waiter;
    waiter->fresh_only = true;
  }
  if (Waiter* waiter = endpoint.queue.front(); waiter && may_take(endpoint, *waiter, connection, now)) {
    leave_queue(endpoint, *waiter);
    return waiter;
  }
  return nullptr;
}

bool Pool::may_take(const Endpoint& endpoint, const Waiter& waiter, const PooledConnection& connection, Now now) const {
  if (!connection.was_used() || !wants_fresh(endpoint, waiter)) return true;
  if (waiter.retried && !connection.exchanges.empty())
    return connection.secured && *connection.secured >= *waiter.retried;
  return !waiter.fresh_only && connection.was_idle && now.steady - connection.idle_since >= limits::kSettleTime;
}

// ---- dials ----

void Pool::dial_begun(DialSlot& dial, Endpoint& endpoint, Now now) {
  if (!endpoint.dialing_since) endpoint.dialing_since = now.steady;
  dial.endpoint = endpoint.id;
  endpoint.dials.push_back(dial);
  endpoint.expected_more += dial.expected - 1;
  if (!dial.borrows) take_slot(endpoint);
}

void Pool::take_slot(Endpoint& endpoint) {
  ++endpoint.open;
  ++open_;
  proxies_.opened(endpoint);
}

bool Pool::claim(DialSlot& dial) {
  Endpoint& endpoint = *endpoints_.find(dial.endpoint);
  const std::size_t most = allowed(endpoint);
  if (most != 0 && endpoint.open >= most) return false;
  if (limits_.max_connections != 0 && open_ >= limits_.max_connections) return false;
  take_slot(endpoint);
  dial.borrows = false;
  return true;
}

// In the dialing list it can also be served by another connection, unless it needs a fresh one.
void Pool::sponsor(DialSlot& dial, Waiter& waiter) {
  Endpoint& endpoint = *endpoints_.find(dial.endpoint);
  endpoint.orphans.remove(dial);
  orphans_.remove(dial);
  proxies_.spare_changed(endpoint);
  dial.sponsor = waiter.transfer;
  dial.unwanted = false;
  waiter.dial = dial.id;
  if (!waiter.fresh_only) endpoint.dialing.push_back(waiter);
}

void Pool::orphan(DialSlot& dial, bool unwanted) {
  Endpoint& endpoint = *endpoints_.find(dial.endpoint);
  dial.sponsor = {};
  dial.unwanted = unwanted;
  if (unwanted) {
    endpoint.orphans.push_front(dial);
  } else {
    endpoint.orphans.push_back(dial);
  }
  orphans_.push_back(dial);
  make_pending(endpoint);
  proxies_.spare_changed(endpoint);
}

void Pool::dial_ended(DialSlot& dial, bool established) {
  Endpoint& endpoint = *endpoints_.find(dial.endpoint);
  endpoint.dials.remove(dial);
  endpoint.orphans.remove(dial);
  orphans_.remove(dial);
  proxies_.spare_changed(endpoint);
  if (std::exchange(dial.borrows, false)) take_slot(endpoint);  // the one that is freed now
  endpoint.expected_more -= dial.expected - 1;
  if (!established) free_slot(endpoint);
}

void Pool::free_slot(Endpoint& endpoint) {
  SLUICE_CHECK(endpoint.open > 0 && open_ > 0);
  --endpoint.open;
  --open_;
  make_pending(endpoint);
  proxies_.freed(endpoint);
}

// ---- connections ----

std::optional<Grant> Pool::released(PooledConnection& connection, bool usable, Now now) {
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  if (connection.exchanges_carried > 1) {
    endpoint.keeps = true;
    endpoint.closes_unannounced = false;
  }
  if (!connection.exchanges.empty()) {
    room_changed(connection);
    return std::nullopt;
  }
  endpoint.offered.remove(connection);
  connection.idle_since = now.steady;
  const bool outdated = connection.multiplexes && endpoint.wants_http1;
  const bool wanted = usable && !outdated && !must_yield(connection, endpoint) && !is_worn_out(connection, now);
  if (!wanted || is_surplus(endpoint)) return close_grant(connection);
  if (Waiter* waiter = take_waiter(endpoint, connection, now)) return serve_grant(connection, *waiter);
  park(connection, endpoint, now);
  return std::nullopt;
}

void Pool::room_changed(PooledConnection& connection) {
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  const bool outdated = connection.multiplexes && endpoint.wants_http1;
  const std::size_t most = limits_.max_connection_uses;
  if (outdated || (most != 0 && connection.exchanges_carried >= most)) connection.last_use = true;
  if (connection.last_use) retire(connection, endpoint);
  if (connection.is_untold() && !connection.session().will_tell_capacity()) {
    stop_hoping(connection, endpoint);
    if (const auto told = connection.session().told_capacity(); told && !endpoint.wants_http1) {
      endpoint.carries = static_cast<std::uint32_t>(std::max<std::size_t>(*told, 1));
      if (endpoint.told_capacity != 0) endpoint.told_capacity = *endpoint.carries;
    }
  }
  const bool offered = !connection.exchanges.empty() && connection.room() > 0;
  if (offered && !OfferedHere::contains(connection)) endpoint.offered.push_back(connection);
  if (!offered) endpoint.offered.remove(connection);
  // This includes waiters with dials of their own: such a dial may fail.
  if (!endpoint.queue.empty() || (offered && !endpoint.dialing.empty())) make_pending(endpoint);
}

void Pool::park(PooledConnection& connection, Endpoint& endpoint, Now now) {
  // The timer is set once for many uses: when it is due, is_expired() looks at idle_since.
  const Duration limit = idle_limit(connection);
  if (const auto due = timers_.due(connection.expiry_timer); !due || *due > Timers::later(now.steady, limit)) {
    timers_.set(connection.expiry_timer, limit, TimerKind::connection_expiry, connection.id, now);
  }
  connection.was_idle = true;
  if (connection.multiplexes) connection.exchanges.release();
  endpoint.idle.push_front(connection);
  idle_.push_back(connection);
  proxies_.spare_changed(endpoint);
  if (!endpoint.queue.empty()) make_pending(endpoint);  // waiters that cannot use it may close it for room
}

void Pool::unpark(PooledConnection& connection) {
  if (!connection.is_idle()) return;
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  endpoint.idle.remove(connection);
  idle_.remove(connection);
  proxies_.spare_changed(endpoint);
}

void Pool::closed(PooledConnection& connection) {
  unpark(connection);
  Endpoint& endpoint = *endpoints_.find(connection.endpoint);
  endpoint.offered.remove(connection);
  if (connection.is_untold()) stop_hoping(connection, endpoint);
  free_slot(endpoint);
}

bool Pool::is_expired(PooledConnection& connection, Now now) {
  if (!connection.is_idle()) return false;  // in use; the timer is set again when it is idle
  const Duration unused = now.steady - connection.idle_since, limit = idle_limit(connection);
  if (unused >= limit || is_worn_out(connection, now)) return true;  // the latter if the limits were lowered
  timers_.set(connection.expiry_timer, limit - unused, TimerKind::connection_expiry, connection.id, now);
  return false;
}

// How long the connection may stay unused: the engine's limit, or what the peer announced less a margin (kept_for),
// because the peer's clock starts earlier and a request needs time to arrive.
Duration Pool::idle_limit(const PooledConnection& connection) const {
  const Duration limit = std::min(limits_.idle_connection_timeout, connection.kept_for);
  if (!limits_.max_connection_age) return limit;
  const Duration left = *limits_.max_connection_age - age(connection, connection.idle_since);
  return std::clamp(left, Duration::zero(), limit);
}

Duration Pool::age(const PooledConnection& connection, Instant at) { return at - connection.connected.value_or(at); }

// It has carried as many exchanges, or is as old, as the limits allow.
bool Pool::is_worn_out(const PooledConnection& connection, Now now) const {
  const std::size_t most = limits_.max_connection_uses;
  if (most != 0 && connection.exchanges_carried >= most) return true;
  return limits_.max_connection_age && age(connection, now.steady) >= *limits_.max_connection_age;
}

// An endpoint with a queue that is never empty must not keep its connections for ever while other endpoints have none.
bool Pool::must_yield(const PooledConnection& connection, const Endpoint& endpoint) const {
  const std::size_t itself = StarvedList::contains(endpoint) ? 1 : 0;
  const bool others = starved_.size() > itself || AllProxyPlaces::others_wait(endpoint);
  return others && connection.exchanges_carried >= limits::kExchangesBeforeYield;
}

// Where more wait at all connections, nothing can have changed for those that yield.
void Pool::note_fewer_starve() {
  if (starved_.size() > 1) return;
  while (Endpoint* const endpoint = yielding_.pop_front()) make_pending(*endpoint);
}

// The lower one of the pool's and the route's limit; 0: none.
std::size_t Pool::allowed(const Endpoint& endpoint) const {
  const std::size_t ours = limits_.max_connections_per_origin;
  const std::size_t its = endpoint.destination.route ? endpoint.destination.route->max_connections() : 0;
  return ours == 0 || its == 0 ? std::max(ours, its) : std::min(ours, its);
}

// There are more connections than the limits allow, which were lowered.
bool Pool::is_surplus(const Endpoint& endpoint) const {
  const std::size_t most = allowed(endpoint);
  const ProxyPlaces* const proxy = AllProxyPlaces::of(endpoint);
  if (proxy && AllProxyPlaces::exceeds(*proxy, limits_.max_connections_per_proxy)) return true;
  return (limits_.max_connections != 0 && open_ > limits_.max_connections) || (most != 0 && endpoint.open > most);
}

// ---- what is to be done ----

std::optional<Grant> Pool::next(Now now) {
  if (trimmed_) {
    if (auto grant = trim()) return grant;
  }
  while (true) {
    if (Endpoint* endpoint = pending_.front()) {
      if (auto grant = next_of(*endpoint, now)) return grant;
      pending_.remove(*endpoint);
      starved_turn_ = proxy_turn_ = false;
      if (auto grant = retire(*endpoint)) return grant;
      continue;
    }
    if (Endpoint* const endpoint = proxies_.next_turn(limits_.max_connections_per_proxy)) {
      proxy_turn_ = true;
      pending_.push_back(*endpoint);
      if (!yielding_.empty()) note_fewer_starve();
      continue;
    }
    const bool room = open_ < limits_.max_connections || has_spare();
    if (starved_.empty() || !room) return std::nullopt;
    starved_turn_ = true;
    pending_.push_back(*starved_.pop_front());
    if (!yielding_.empty()) note_fewer_starve();
  }
}

std::optional<Grant> Pool::next_of(Endpoint& endpoint, Now now) {
  if (auto grant = serve_from_idle(endpoint, now)) return grant;
  for (PooledConnection* connection = endpoint.offered.front(); connection;) {
    PooledConnection* const next = OfferedHere::next(*connection);  // this one may leave the list
    if (limits_.max_connection_age && is_worn_out(*connection, now)) {
      retire(*connection, endpoint);
    } else if (must_yield(*connection, endpoint)) {
      if (!YieldingList::contains(endpoint)) yielding_.push_back(endpoint);
    } else if (Waiter* waiter = take_waiter(endpoint, *connection, now)) {
      return serve_grant(*connection, *waiter);
    }
    connection = next;
  }
  if (DialSlot* dial = endpoint.orphans.front()) {
    if (Waiter* waiter = endpoint.queue.front()) {
      leave_queue(endpoint, *waiter);
      return Grant{.kind = Grant::Kind::take_over, .dial = dial, .waiter = waiter};
    }
    if (dial->unwanted || is_surplus(endpoint)) return Grant{.kind = Grant::Kind::abandon, .dial = dial};
  }
  return next_dial(endpoint);
}

std::optional<Grant> Pool::serve_from_idle(Endpoint& endpoint, Now now) {
  PooledConnection* connection = endpoint.idle.front();
  if (!connection) return std::nullopt;
  // It has expired, but its timer is late; or it was for HTTP/2 (needs_http1()).
  const bool expired = now.steady - connection->idle_since >= idle_limit(*connection);
  if (expired || connection->last_use) return close_grant(*connection);
  Waiter* waiter = take_waiter(endpoint, *connection, now);
  if (!waiter) return std::nullopt;
  unpark(*connection);
  return serve_grant(*connection, *waiter);
}

// One more connection, if the limits allow it. Connections that no transfer needs are closed to make room.
std::optional<Grant> Pool::next_dial(Endpoint& endpoint) {
  Waiter* waiter = endpoint.queue.front();
  if (!waiter) return std::nullopt;
  // The dials that run may serve all waiters, but not one that needs its own.
  const bool shares = waiter->pipewait && (!wants_fresh(endpoint, *waiter) || waiter->retried);
  if (shares && endpoint.expected_more >= endpoint.queue.size()) return std::nullopt;
  const std::size_t most = allowed(endpoint);
  if (most != 0 && endpoint.open >= most) {
    if (!wants_fresh(endpoint, *waiter) || endpoint.idle.empty()) return wait_for_limit(endpoint);
    return close_grant(*endpoint.idle.back());
  }
  // Who waits at the proxy comes first, but for an endpoint whose turn it is among all: else the two queues could give
  // the turn to each other without end.
  const std::size_t at_proxy = limits_.max_connections_per_proxy;
  ProxyPlaces* const proxy = at_proxy != 0 ? AllProxyPlaces::of(endpoint) : nullptr;
  const bool proxy_full = proxy && AllProxyPlaces::is_full(*proxy, at_proxy);
  if (proxy) {
    const bool in_line = !proxy->starved.empty() && !proxy_turn_ && !starved_turn_;
    if ((proxy_full && proxy->spare.empty()) || in_line) {
      proxies_.waits(endpoint);
      return wait_for_limit(endpoint);
    }
  }
  bool borrows = false;
  if (limits_.max_connections != 0) {
    const bool full = open_ >= limits_.max_connections;
    // Endpoints that wait already come first, and each gets one connection at a time.
    if ((full && !has_spare()) || (!starved_.empty() && !starved_turn_)) {
      if (!StarvedList::contains(endpoint)) starved_.push_back(endpoint);
      return wait_for_limit(endpoint);
    }
    borrows = full && !proxy_full && may_borrow(endpoint, *waiter);
    if (full && !proxy_full && !borrows) return spare();
  }
  if (proxy_full) return spare_at(*proxy);
  starved_turn_ = proxy_turn_ = false;
  leave_queue(endpoint, *waiter);
  return Grant{.kind = Grant::Kind::dial, .endpoint = &endpoint, .waiter = waiter, .borrows = borrows};
}

// The connection that would be closed to make room may be one that the waiter could go on. That is known after its name
// was looked up; until then the dial has no place of its own.
bool Pool::may_borrow(const Endpoint& endpoint, const Waiter& waiter) const {
  return !idle_.empty() && !coalescing_.empty() && !endpoint.stays_apart && !wants_fresh(endpoint, waiter) &&
         may_share(endpoint);
}

// Waiting for a limit is not connecting, if no dial runs.
std::optional<Grant> Pool::wait_for_limit(Endpoint& endpoint) {
  if (endpoint.dials.empty()) endpoint.dialing_since.reset();
  return std::nullopt;
}

// Gives up an idle connection, or if there is none a dial without a sponsor.
Grant Pool::spare() {
  if (PooledConnection* connection = idle_.front()) return close_grant(*connection);
  return {.kind = Grant::Kind::abandon, .dial = orphans_.front()};
}

// The same at one proxy, which has a spare one.
Grant Pool::spare_at(const ProxyPlaces& proxy) {
  const Endpoint& endpoint = *proxy.spare.front()->endpoint;
  if (PooledConnection* connection = endpoint.idle.back()) return close_grant(*connection);
  return {.kind = Grant::Kind::abandon, .dial = endpoint.orphans.front()};
}

}  // namespace sluice::pool
