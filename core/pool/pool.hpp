// Who gets which connection: endpoints, the queue of each, limits, fairness, reuse. Decides and remembers; next() says
// what is to be done, and whoever asks does it. Leaves to others: making connections (dialer.hpp), what travels on
// them, and what becomes of transfers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::pool {

// Nothing here walks more than what it acts on, but set_limits() and check_invariants().
class Pool final : public Scheduler {
 public:
  // Both must outlive the pool. `timers` gets a connection_expiry for each connection that is idle.
  Pool(EngineLimits limits, Timers& timers) : limits_(limits), timers_(timers) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // ---- endpoints ----
  // The one of this request under these options, made where there is none. std::bad_alloc: nothing has changed.
  Endpoint& endpoint_for(const Request& request, const TransferOptions& options, std::shared_ptr<const TlsConfig> tls);
  Endpoint* find(EndpointId id) { return endpoints_.find(id); }
  const Endpoint* find(EndpointId id) const { return endpoints_.find(id); }
  void forget(Endpoint& endpoint);  // it is unused

  // ---- waiters ----
  void place(Waiter& waiter, const Request& request, const TransferOptions& options,
             std::shared_ptr<const TlsConfig> tls) override;
  void enter(Waiter& waiter) override { enter(waiter, *endpoints_.find(waiter.endpoint)); }
  void enter(Waiter& waiter, Endpoint& endpoint);
  void enter_again(Waiter& waiter) override;
  bool counts_on_dials(const Waiter& waiter) const override { return find(waiter.endpoint)->expected_more > 0; }
  void withdraw(Waiter& waiter) override;
  void left(const Waiter& waiter) override;

  // ---- dials ----
  void dial_begun(DialSlot& dial, Endpoint& endpoint, Now now);
  void sponsor(DialSlot& dial, Waiter& waiter);  // it is made for this one now
  void orphan(DialSlot& dial, bool unwanted);    // its waiter needs it no more
  // Its place in the limits goes to the connection that it made, or is free.
  void dial_ended(DialSlot& dial, bool stands);

  // ---- connections ----
  // It has its first session. Its sponsor, if there is one, is served first.
  void stands(const PooledConnection& connection);
  std::optional<Grant> released(PooledConnection& connection, bool usable, Now now) override;
  void room_changed(PooledConnection& connection) override;
  void closed(PooledConnection& connection) override;
  void note_end(const PooledConnection& connection, Now now) override;
  // Its connection_expiry has come: whether it is to be closed. std::bad_alloc: as if it were.
  bool is_expired(PooledConnection& connection, Now now);

  // ---- what is to be done ----
  // False: next() has nothing to say.
  bool may_go_on() const { return !pending_.empty() || !starved_.empty() || trimmed_; }
  std::optional<Grant> next(Now now);
  // The idle connection that was unused for longest; null: there is none.
  PooledConnection* oldest_idle() const { return idle_.front(); }

  const EngineLimits& limits() const { return limits_; }
  // Connections past a lowered limit come out of next(), idle ones first.
  void set_limits(const EngineLimits& limits);
  std::size_t idle_connections() const { return idle_.size(); }
  bool has_place(const Waiter& waiter) const override { return find(waiter.endpoint) != nullptr; }
  std::size_t open() const override { return open_; }

  // Stops the process if a rule of the pool's own is broken.
  void check_invariants() const;
  // Forgets every waiter, dial and connection; endpoints stay, without anything. For when memory has run out in
  // mid-flight.
  void reset() noexcept;
  void count_again(const Waiter& waiter) noexcept override;
  void look_at_all() noexcept;  // after that: next() has something to say of every endpoint

 private:
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void make_pending(Endpoint& endpoint);  // something changed that may let it go on
  std::optional<Grant> next_of(Endpoint& endpoint, Now now);
  std::optional<Grant> serve_from_idle(Endpoint& endpoint, Now now);
  std::optional<Grant> next_dial(Endpoint& endpoint);
  std::optional<Grant> retire(Endpoint& endpoint);
  std::optional<Grant> trim();
  Grant spare();
  bool has_spare() const { return !idle_.empty() || !orphans_.empty(); }
  Waiter* take_waiter(Endpoint& endpoint, const PooledConnection& connection, Now now);
  bool wants_fresh(const Endpoint& endpoint, const Waiter& waiter) const;
  bool may_take(const Endpoint& endpoint, const Waiter& waiter, const PooledConnection& connection, Now now) const;
  bool must_yield(const PooledConnection& connection, const Endpoint& endpoint) const;
  bool is_surplus(const Endpoint& endpoint) const;
  std::size_t allowed(const Endpoint& endpoint) const;
  Duration idle_limit(const PooledConnection& connection) const;
  void leave_queue(Endpoint& endpoint, Waiter& waiter);
  void park(PooledConnection& connection, Endpoint& endpoint, Now now);
  void unpark(PooledConnection& connection);
  void free_slot(Endpoint& endpoint);

  EngineLimits limits_;
  Timers& timers_;
  SlotMap<Endpoint, EndpointTag> endpoints_;
  std::unordered_map<std::string, EndpointId, KeyHash, std::equal_to<>> by_key_;
  std::string key_scratch_;

  IdleAnywhere idle_;    // the longest idle one at the front
  PoolOrphans orphans_;  // dials that nobody waits for, the oldest such at the front
  PendingList pending_;  // endpoints that next() looks at
  StarvedList starved_;  // endpoints that wait for the limit on all connections, the longest waiting one at the front
  UnusedList unused_;    // endpoints without anything, the oldest at the front
  // The endpoint being looked at was at the front of starved_ and may open one connection.
  bool starved_turn_ = false;
  bool limits_changed_ = false;         // so that more connections than they allow may be in use
  std::optional<std::size_t> trimmed_;  // after set_limits(): endpoints before this index hold no surplus
  std::size_t open_ = 0;                // as Endpoint::open, over all
};

}  // namespace sluice::pool
