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
  ++without_descriptor_;
  return connection;
}

Connection* Connections::find(ConnId id) {
  if (!id || id.index >= by_index_.size() || by_index_[id.index].id != id) return nullptr;
  return &by_index_[id.index];
}

void Connections::close(ConnId id) {
  Connection* connection = find(id);
  if (!connection) return;
  set_descriptor(*connection, 0);
  *connection = {};
}

void Connections::set_descriptor(Connection& connection, int fd) {
  if (connection.fd < 0) --without_descriptor_;
  connection.fd = fd;
  if (fd < 0) ++without_descriptor_;
}

}  // namespace sluice::multi
