// See coalescing.hpp.
#include "core/pool/coalescing.hpp"

#include <memory>
#include <utility>

#include "core/base/key_parts.hpp"
#include "core/base/limits.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/pooled_connection.hpp"

namespace sluice::pool {

namespace {

std::string key_of(const Endpoint& endpoint, const Address& address) {
  std::string key = key_without_host(endpoint);
  append_number(address.port, key);
  append_number(address.ip.kind, key);
  append_part(as_text(Bytes{address.ip.bytes}), key);
  append_part(address.ip.zone, key);
  return key;
}

}  // namespace

void Coalescing::Place::join(std::string key) {
  group_ = groups_.try_emplace(std::move(key)).first;
  group_->second.places.push_front(*this);
}

Coalescing::Place::~Place() {
  if (group_ == groups_.end()) return;
  group_->second.places.remove(*this);
  if (group_->second.places.empty()) groups_.erase(group_);
}

bool Coalescing::concerns(const Endpoint& endpoint) {
  const Destination& place = endpoint.destination;
  if (endpoint.through || place.route || !endpoint.peer.tls || endpoint.key_of_sessions) return false;
  if (endpoint.protocol == http::Protocol::http1 || !place.zone.empty()) return false;
  std::string_view host = place.host;
  if (host.ends_with('.')) host.remove_suffix(1);
  return host == endpoint.peer.host && place.port == endpoint.peer.port;  // no connect_to
}

void Coalescing::offer(PooledConnection& connection, const Endpoint& endpoint) {
  auto place = std::make_unique<Place>(connection, groups_);
  place->join(key_of(endpoint, connection.address));
  connection.place = std::move(place);
}

PooledConnection* Coalescing::find(const Endpoint& endpoint, const Address& address,
                                   const std::function<bool(PooledConnection&)>& suits) const {
  const auto group = groups_.find(key_of(endpoint, address));
  if (group == groups_.end()) return nullptr;
  std::size_t looked_at = 0;
  for (Place* place = group->second.places.front(); place && looked_at < limits::kMaxCoalescingChecks; ++looked_at) {
    if (suits(place->connection_)) return &place->connection_;
    place = Place::List::next(*place);
  }
  return nullptr;
}

}  // namespace sluice::pool
