// See connections.hpp.
#include "adapters/multi/connections.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::multi {

Connection& Connections::open(ConnId id, net::Descriptor socket, Address address) {
  if (id.index >= by_index_.size())
    by_index_.resize(std::max<std::size_t>(std::size_t{id.index} + 1, by_index_.size() * 2));
  Connection& connection = by_index_[id.index];
  SLUICE_CHECK(!connection.id);
  connection.id = id;
  connection.socket = std::move(socket);
  connection.address = std::move(address);
  return connection;
}

Connection* Connections::find(ConnId id) {
  if (!id || id.index >= by_index_.size() || by_index_[id.index].id != id) return nullptr;
  return &by_index_[id.index];
}

void Connections::close(ConnId id) {
  if (Connection* connection = find(id)) *connection = {};
}

}  // namespace sluice::multi
