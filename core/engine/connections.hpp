// The connections of an engine: what the driver may do with each now, and the only place where they are closed. Leaves
// to others: making one (connector.hpp), its exchanges (carrier.hpp), and which transfer gets it (core/pool/).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/channel/landing.hpp"
#include "core/engine/jobs.hpp"
#include "core/engine/outbox.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/pool/scheduler.hpp"

namespace sluice::engine {

using pool::PooledConnection;

class Connections {
 public:
  // All must outlive this object.
  Connections(Timers& timers, Outbox& outbox, pool::Scheduler& scheduler, Jobs& jobs)
      : timers_(timers), outbox_(outbox), scheduler_(scheduler), jobs_(jobs) {}
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  PooledConnection* find(ConnId id) { return connections_.find(id); }
  const PooledConnection* find(ConnId id) const { return connections_.find(id); }
  // A new connection or attempt. Null: not enough memory.
  PooledConnection* begin();
  std::size_t open() const { return open_; }  // connections between output::Connect and output::Close
  void add_to(Counters& counters) const {     // what it counts
    counters.connections_open = open_;
    counters.connections_begun = begun_;
  }

  // ---- what the driver may do ----
  Interest interest(const PooledConnection& connection) const;
  // How many bytes may be read from it now; 0: none, because the application has not consumed what came before.
  std::size_t readable_bytes(const PooledConnection& connection) const;
  MutableBytes receive_space(const PooledConnection& connection);
  bool must_look_first(const PooledConnection& connection) const;
  channel::Landing& landing() { return landing_; }

  // The connection that the current fact is about: the driver asks for its interest anyway, so no output is needed.
  void set_current(ConnId id) { current_ = id; }
  // Its interest may have changed for another reason than a fact about it.
  void interest_changed(PooledConnection& connection);
  // Whether an InterestChanged that is being taken from the queue is still true.
  bool takes_interest(ConnId id);

  // ---- the end ----
  // Closes the connection, which must have no exchange, and queues its Close. An established one leaves the pool.
  void close(PooledConnection& connection, bool announce_end);
  // Releases the closed connections: their ids become stale.
  void release_closed() {
    if (!closed_.empty() || closed_unlisted_) release_all_closed();
  }
  // Outputs that could not be queued for lack of memory: an InterestChanged or a Close.
  bool has_deferred() const { return has_deferred_; }
  std::optional<Output> take_deferred();
  void queue_deferred();  // queues them before later outputs. May throw std::bad_alloc after some of them

  template <class Visit>
  void for_each(Visit&& visit) {
    connections_.for_each([&](ConnId, PooledConnection& connection) { visit(connection); });
  }
  void check_invariants() const;
  void give_up() noexcept;  // closes every connection; needs no memory

 private:
  void release_all_closed();
  void defer();

  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  Jobs& jobs_;
  SlotMap<PooledConnection, ConnTag> connections_;
  channel::Landing landing_;
  ConnId current_;
  std::size_t open_ = 0;
  std::uint64_t begun_ = 0;
  std::vector<ConnId> closed_;    // closed connections, which are released with the next fact
  bool closed_unlisted_ = false;  // there are more closed connections than closed_ lists
  bool has_deferred_ = false;
  std::size_t deferred_from_ = 0;  // connections before this index have no unqueued outputs
};

// Fills in when the connection was resolved, connected and secured. If it was used before, the times are `now`; if it
// was begun for another transfer, they are not before `queued`.
void note_times(const PooledConnection& connection, Job& job, Now now);
// Fills in info() and the times for a connection that the transfer waits for, and counts it, so that they are known if
// the handshake fails.
void note_connection(const PooledConnection& connection, Job& job, Now now);

}  // namespace sluice::engine
