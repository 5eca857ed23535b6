// See connections.hpp.
#include "adapters/multi/connections.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::multi {

Connection& Connections::open(ConnId id, std::unique_ptr<Transport> stream) {
  if (id.index >= by_index_.size())
    by_index_.resize(std::max<std::size_t>(std::size_t{id.index} + 1, by_index_.size() * 2));
  Connection& connection = by_index_[id.index];
  SLUICE_CHECK(!connection.id);
  connection.id = id;
  connection.stream = std::move(stream);
  set_waits_for_signal(connection, true);
  return connection;
}

Connection* Connections::find(ConnId id) {
  if (!id || id.index >= by_index_.size() || by_index_[id.index].id != id) return nullptr;
  return &by_index_[id.index];
}

void Connections::close(ConnId id) {
  Connection* connection = find(id);
  if (!connection) return;
  set_waits_for_signal(*connection, false);
  *connection = {};
}

void Connections::set_waits_for_signal(Connection& connection, bool waits) {
  if (connection.waits_for_signal == waits) return;
  connection.waits_for_signal = waits;
  if (waits) {
    ++waiting_for_signals_;
  } else {
    --waiting_for_signals_;
  }
}

}  // namespace sluice::multi
