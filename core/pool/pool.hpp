// The connection pool: decides which transfer gets which connection (endpoints, their queues, limits, fairness, reuse).
// next() says what to do, and the caller does it. Leaves to others: making connections (dialer.hpp), their exchanges,
// and the transfers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/pool/coalescing.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/pool/proxy_places.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::pool {

// Nothing here walks more objects than it acts on, except after set_limits() and in reset(), look_at_all() and
// check_invariants().
class Pool final : public Scheduler {
 public:
  // `timers` must outlive the pool. It gets a connection_expiry timer for each idle connection.
  Pool(EngineLimits limits, Timers& timers) : limits_(limits), timers_(timers) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // ---- endpoints ----
  // The endpoint of this request with these options, made if there is none. `waiter`: its account and its way count.
  // Throws std::bad_alloc; nothing has changed then.
  Endpoint& endpoint_for(const Request& request, const TransferOptions& options, std::shared_ptr<const TlsConfig> tls,
                         const Waiter& waiter = {});
  Endpoint* find(EndpointId id) { return endpoints_.find(id); }
  const Endpoint* find(EndpointId id) const { return endpoints_.find(id); }
  void forget(Endpoint& endpoint);  // the endpoint must be unused

  // ---- waiters ----
  void place(Waiter& waiter, const Request& request, const TransferOptions& options,
             std::shared_ptr<const TlsConfig> tls) override;
  void enter(Waiter& waiter) override { enter(waiter, *endpoints_.find(waiter.endpoint)); }
  void enter(Waiter& waiter, Endpoint& endpoint);
  void enter_again(Waiter& waiter) override;
  bool counts_on_dials(const Waiter& waiter) const override;
  void withdraw(Waiter& waiter) override;
  // The waiter must have a connection that was not used before. If a peer closes each connection right after its
  // response without announcing it, every second request that must not be repeated would fail. Such a request then uses
  // no used connection there, except one that has stayed open for kSettleTime after its last response.
  static bool wants_fresh(const Endpoint& endpoint, const Waiter& waiter) {
    return waiter.fresh_only || (endpoint.closes_unannounced && !waiter.repeatable);
  }
  void left(const Waiter& waiter) override;

  // ---- dials ----
  void dial_begun(DialSlot& dial, Endpoint& endpoint, Now now);
  void sponsor(DialSlot& dial, Waiter& waiter);  // the dial is now made for this waiter
  void orphan(DialSlot& dial, bool unwanted);    // the sponsor does not need it any more; `unwanted`: see DialSlot
  // A dial that borrows is about to connect: from now on it counts in the limits. False: there is no room.
  bool claim(DialSlot& dial);
  // If there is none: the idle connection that has to be closed first; null: that would not help.
  PooledConnection* in_place_of(const DialSlot& dial) const {
    const Endpoint& endpoint = *find(dial.endpoint);
    const std::size_t most = allowed(endpoint);
    return most == 0 || endpoint.open < most ? idle_.front() : nullptr;
  }
  // Its place in the limits goes to the connection that it made if `established`, else it is free.
  void dial_ended(DialSlot& dial, bool established);

  // ---- connections ----
  // The connection is established: it has its session. Its sponsor, if it has one, is served by the caller first.
  void established(PooledConnection& connection);
  std::optional<Grant> released(PooledConnection& connection, bool usable, Now now) override;
  void room_changed(PooledConnection& connection) override;
  void closed(PooledConnection& connection) override;
  void note_refusal(const PooledConnection& connection) override;
  void note_end(const PooledConnection& connection, Now now) override;
  bool needs_http1(const PooledConnection& connection, const Waiter& waiter) override;
  // Whether a transfer of another endpoint may have an exchange on it now; and before that one is opened.
  bool takes_guests(const PooledConnection& connection, Now now) const;
  void guest_comes(PooledConnection& connection) { unpark(connection); }
  Coalescing& coalescing() { return coalescing_; }
  // The connection's connection_expiry timer is due: whether it must be closed. Throws std::bad_alloc; it must then be
  // closed.
  bool is_expired(PooledConnection& connection, Now now);

  // ---- what is to be done ----
  // False: next() would return nothing.
  bool may_go_on() const { return !pending_.empty() || !starved_.empty() || proxies_.has_turns() || trimmed_; }
  // The next thing to do; nullopt: nothing. Call until it returns nullopt.
  std::optional<Grant> next(Now now);
  // The idle connection that was unused for the longest time; null: there is none.
  PooledConnection* oldest_idle() const { return idle_.front(); }

  const EngineLimits& limits() const { return limits_; }
  // If there are more connections than a lowered limit allows, next() says which to close, idle ones first.
  void set_limits(const EngineLimits& limits);
  std::size_t idle_connections() const { return idle_.size(); }
  std::size_t queued() const { return queued_; }  // waiters without a dial of their own
  bool has_place(const Waiter& waiter) const override { return find(waiter.endpoint) != nullptr; }
  std::size_t open() const override { return open_; }

  // Stops the process if an internal rule of the pool is broken. For tests.
  void check_invariants() const;
  // Forgets every waiter, dial and connection; the endpoints stay, empty. For when memory has run out inside a step.
  void reset() noexcept;
  void count_again(const Waiter& waiter) noexcept override;
  void look_at_all() noexcept;  // after reset(): next() looks at every endpoint

 private:
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void make_pending(Endpoint& endpoint);  // next() will look at it, because something has changed
  std::optional<Grant> next_of(Endpoint& endpoint, Now now);
  std::optional<Grant> serve_from_idle(Endpoint& endpoint, Now now);
  std::optional<Grant> next_dial(Endpoint& endpoint);
  bool may_borrow(const Endpoint& endpoint, const Waiter& waiter) const;
  std::optional<Grant> wait_for_limit(Endpoint& endpoint);
  std::optional<Grant> retire(Endpoint& endpoint);
  std::optional<Grant> trim();
  Grant spare();
  static Grant spare_at(const ProxyPlaces& proxy);
  bool has_spare() const { return !idle_.empty() || !orphans_.empty(); }
  Waiter* take_waiter(Endpoint& endpoint, const PooledConnection& connection, Now now);
  bool may_take(const Endpoint& endpoint, const Waiter& waiter, const PooledConnection& connection, Now now) const;
  bool must_yield(const PooledConnection& connection, const Endpoint& endpoint) const;
  void note_fewer_starve();
  bool is_surplus(const Endpoint& endpoint) const;
  std::size_t allowed(const Endpoint& endpoint) const;
  Duration idle_limit(const PooledConnection& connection) const;
  static Duration age(const PooledConnection& connection, Instant at);
  bool is_worn_out(const PooledConnection& connection, Now now) const;
  void leave_queue(Endpoint& endpoint, Waiter& waiter);
  static void stop_hoping(PooledConnection& connection, Endpoint& endpoint);
  static void retire(PooledConnection& connection, Endpoint& endpoint);
  void park(PooledConnection& connection, Endpoint& endpoint, Now now);
  void unpark(PooledConnection& connection);
  void take_slot(Endpoint& endpoint);
  void free_slot(Endpoint& endpoint);

  EngineLimits limits_;
  Timers& timers_;
  SlotMap<Endpoint, EndpointTag> endpoints_;
  std::unordered_map<std::string, EndpointId, KeyHash, std::equal_to<>> by_key_;
  std::string key_scratch_;

  IdleAnywhere idle_;    // the least recently used one at the front
  PoolOrphans orphans_;  // dials without a sponsor, the oldest at the front
  PendingList pending_;  // endpoints that next() will look at
  // Endpoints whose waiters a connection was kept from because others wait (must_yield()).
  YieldingList yielding_;
  StarvedList starved_;  // endpoints that wait because of max_connections, the first that came at the front
  UnusedList unused_;    // unused endpoints, the oldest at the front
  AllProxyPlaces proxies_;
  Coalescing coalescing_;
  // The endpoint that next() looks at was the front of starved_ and may open one connection.
  bool starved_turn_ = false;
  bool proxy_turn_ = false;      // the same for those that wait because of max_connections_per_proxy
  bool limits_changed_ = false;  // set_limits() was called, so more connections than the limits allow may be in use
  // After set_limits(): endpoints before this index were looked at; nullopt: all were.
  std::optional<std::size_t> trimmed_;
  std::size_t open_ = 0;    // the sum of Endpoint::open
  std::size_t queued_ = 0;  // the sum of the sizes of Endpoint::queue
};

}  // namespace sluice::pool
