// The connections of an engine: what their driver may do with them now, and their one way to Close.
// Leaves to others: how one is made (connector.hpp), what it carries (carrier.hpp), who gets it (core/pool/).
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
  // All must outlive it.
  Connections(Timers& timers, Outbox& outbox, pool::Scheduler& scheduler, Jobs& jobs)
      : timers_(timers), outbox_(outbox), scheduler_(scheduler), jobs_(jobs) {}
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  PooledConnection* find(ConnId id) { return connections_.find(id); }
  const PooledConnection* find(ConnId id) const { return connections_.find(id); }
  // Null: no memory.
  PooledConnection* begin();
  std::size_t open() const { return open_; }  // between Output::Connect and Output::Close

  // ---- what the driver may do ----
  Interest interest(const PooledConnection& connection) const;
  // How much may be read from it now; 0: nothing, as an application has not taken what came before.
  std::size_t readable_bytes(const PooledConnection& connection) const;
  MutableBytes receive_space(const PooledConnection& connection);
  bool must_look_first(const PooledConnection& connection) const;
  channel::Landing& landing() { return landing_; }

  // The one that the present fact is about: its driver looks at its interest by itself.
  void set_current(ConnId id) { current_ = id; }
  void interest_changed(PooledConnection& connection);  // perhaps, and not by a fact about itself
  // Of an InterestChanged that is about to be told: whether it is still true.
  bool takes_interest(ConnId id);

  // ---- the end ----
  // Ends the stream and says so; it has no exchange any more. One that stands leaves the pool.
  void close(PooledConnection& connection, bool say_goodbye);
  // The ids of those that were closed end.
  void release_closed() {
    if (!closed_.empty() || closed_unlisted_) release_all_closed();
  }
  // What found no room among the outputs, an InterestChanged or a Close.
  bool owes() const { return owes_; }
  std::optional<Output> take_owed();
  void queue_owed();  // before what comes next. std::bad_alloc: some of it

  void check_invariants() const;
  void give_up() noexcept;  // every one is closed, without memory

 private:
  void release_all_closed();
  void owe();

  Timers& timers_;
  Outbox& outbox_;
  pool::Scheduler& scheduler_;
  Jobs& jobs_;
  SlotMap<PooledConnection, ConnTag> connections_;
  channel::Landing landing_;
  ConnId current_;
  std::size_t open_ = 0;
  std::vector<ConnId> closed_;    // their ids end with the next fact
  bool closed_unlisted_ = false;  // so do those of others that are closed
  bool owes_ = false;
  std::size_t owed_ = 0;  // those before this index owe nothing
};

// What progress() says of the connection's making: one that was there before cost no time; of one that somebody else
// began, only what was left of it.
void note_times(const PooledConnection& connection, Job& job, Now now);
// What info() says of a connection that a transfer waits for, also if the handshakes fail.
void note_connection(const PooledConnection& connection, Job& job, Now now);

}  // namespace sluice::engine
