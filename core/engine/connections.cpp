// See connections.hpp.
#include "core/engine/connections.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice::engine {

void note_times(const PooledConnection& connection, Job& job, Now now) {
  Progress& progress = job.progress;
  const auto since = [&](std::optional<Instant> at) {
    if (connection.was_used()) return std::optional(now.steady);
    return at ? std::optional(std::max(*at, progress.queued)) : std::nullopt;
  };
  progress.resolved = since(connection.resolved);
  progress.connected = since(connection.connected);
  progress.secured = since(connection.secured);
}

void note_connection(const PooledConnection& connection, Job& job, Now now) {
  if (job.info.conn != connection.id) ++job.info.connections;
  job.info.conn = connection.id;
  job.info.address = connection.address;
  job.info.route = connection.route_name;
  job.info.addresses_tried = connection.addresses_tried;
  job.facts = connection.facts;
  note_times(connection, job, now);
}

PooledConnection* Connections::begin() {
  ConnId id;
  PooledConnection* connection = connections_.emplace(id);
  if (!connection) return nullptr;
  connection->id = id;
  ++open_;
  ++begun_;
  return connection;
}

// If the session multiplexes, each exchange has a window, and none of them stops the reading.
std::size_t Connections::readable_bytes(const PooledConnection& connection) const {
  if (connection.exchanges.empty() || connection.multiplexes) return limits::kLandingBytes;
  const Job& job = *jobs_.find(connection.exchanges.back().second);
  const std::size_t kept = job.body.size();
  std::size_t room = limits::kLandingBytes;
  if (kept > 0) room = kept < limits::kBodyBufferBytes ? limits::kBodyBufferBytes - kept : 0;
  return job.pace ? std::min(room, job.pace->receive.credit) : room;
}

Interest Connections::interest(const PooledConnection& connection) const {
  if (!connection.is_open()) return {};
  return {readable_bytes(connection) != 0, !connection.write_broken && connection.channel.has_output()};
}

MutableBytes Connections::receive_space(const PooledConnection& connection) {
  if (!connection.is_open()) return {};
  const std::size_t room = readable_bytes(connection);
  if (room == 0) return {};
  jobs_.keep_landed();
  const MutableBytes wire = landing_.wire();
  return wire.first(std::min(room, wire.size()));
}

bool Connections::must_look_first(const PooledConnection& connection) const {
  if (!connection.is_open() || !(connection.was_idle || connection.exchanges_carried > 1)) return false;
  return std::ranges::any_of(connection.exchanges, [&](const auto& exchange) {
    return !connection.session().request_begun(exchange.first) && !jobs_.find(exchange.second)->may_be_repeated();
  });
}

void Connections::interest_changed(PooledConnection& connection) {
  if (connection.id == current_ || connection.interest_announced || !connection.is_open()) return;
  connection.interest_announced = true;
  connection.interest_deferred = !outbox_.try_put(output::InterestChanged{connection.id});
  if (connection.interest_deferred) defer();
}

bool Connections::takes_interest(ConnId id) {
  PooledConnection* connection = connections_.find(id);
  if (!connection || connection->is_closed()) return false;
  connection->interest_announced = false;
  return true;
}

void Connections::close(PooledConnection& connection, bool announce_end) {
  SLUICE_CHECK(connection.exchanges.empty());
  connection.place.reset();
  if (connection.is_established()) scheduler_.closed(connection);
  timers_.cancel(connection.expiry_timer);
  timers_.cancel(connection.session_timer);
  connection.channel.close(announce_end && !connection.write_broken);
  SLUICE_CHECK(open_ > 0);
  --open_;
  connection.close_deferred = !outbox_.try_put(output::Close{connection.id});
  if (connection.close_deferred) defer();
  outbox_.report([&] { return EngineEvent{.kind = EngineEvent::Kind::connection_closed, .conn = connection.id}; });
  if (!has_memory_for([&] { closed_.push_back(connection.id); })) closed_unlisted_ = true;
}

void Connections::release_all_closed() {
  for (const ConnId id : closed_) connections_.release(id);
  closed_.clear();
  if (!std::exchange(closed_unlisted_, false)) return;
  connections_.for_each([this](ConnId id, PooledConnection& connection) {
    if (connection.is_closed()) connections_.release(id);
  });
}

void Connections::defer() {
  has_deferred_ = true;
  deferred_from_ = 0;
}

std::optional<Output> Connections::take_deferred() {
  while (const auto id = connections_.first_live(deferred_from_)) {
    PooledConnection& connection = *connections_.find(*id);
    deferred_from_ = id->index;
    if (std::exchange(connection.interest_deferred, false) && !connection.is_closed()) {
      connection.interest_announced = false;
      return output::InterestChanged{*id};
    }
    if (std::exchange(connection.close_deferred, false)) return output::Close{*id};
    ++deferred_from_;
  }
  has_deferred_ = false;
  return std::nullopt;
}

// Once there is memory again, the outputs are queued in order.
void Connections::queue_deferred() {
  while (has_deferred_) {
    outbox_.make_room();
    if (auto out = take_deferred()) outbox_.put(std::move(*out));
  }
}

void Connections::give_up() noexcept {
  connections_.for_each([this](ConnId, PooledConnection& connection) {
    connection.idle_here = connection.idle_anywhere = connection.offered_here = {};
    connection.exchanges.clear();
    connection.dial = {};
    connection.place.reset();
    timers_.cancel(connection.expiry_timer);
    timers_.cancel(connection.session_timer);
    if (connection.is_closed()) return;
    connection.channel.close(false);
    connection.close_deferred = true;
  });
  open_ = 0;
  current_ = {};
  closed_unlisted_ = true;
  defer();
}

void Connections::check_invariants() const {
  std::size_t open = 0, ready = 0, carried = 0, active = 0;
  connections_.for_each([&](ConnId id, const PooledConnection& connection) {
    SLUICE_CHECK(connection.id == id);
    if (connection.is_closed()) return;
    ++open;
    carried += connection.exchanges.size();
    const bool idle = connection.is_idle();
    SLUICE_CHECK(!idle || connection.exchanges.empty());
    SLUICE_CHECK(!connection.channel.keeps_too_much());
    SLUICE_CHECK(connection.is_ready() == connection.is_established());
    if (!connection.is_established()) return;
    ++ready;
    SLUICE_CHECK(!connection.exchanges.empty() || idle);
  });
  jobs_.for_each([&](TransferId, const Job& job) {
    const bool is_active = job.phase() == flow::TransferPhase::active;
    SLUICE_CHECK(is_active == (connections_.find(job.conn) != nullptr));
    if (is_active) ++active;
  });
  SLUICE_CHECK(open == open_ && carried == active && ready <= scheduler_.open());
}

}  // namespace sluice::engine
