// See coalescing.hpp.
#include "core/pool/coalescing.hpp"

#include <utility>

#include "core/base/limits.hpp"

namespace sluice::pool {

Coalescing::Place::~Place() {
  if (group_ == groups_.end()) return;
  group_->second.places.remove(*this);
  if (group_->second.places.empty()) groups_.erase(group_);
}

std::unique_ptr<Coalescing::Place> Coalescing::offer(PooledConnection& connection, std::string key) {
  auto place = std::make_unique<Place>(connection, groups_);
  place->group_ = groups_.try_emplace(std::move(key)).first;
  place->group_->second.places.push_front(*place);
  return place;
}

PooledConnection* Coalescing::find(const std::string& key, const std::function<bool(PooledConnection&)>& suits) const {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return nullptr;
  std::size_t looked_at = 0;
  for (Place* place = group->second.places.front(); place && looked_at < limits::kMaxCoalescingChecks; ++looked_at) {
    if (suits(place->connection_)) return &place->connection_;
    place = Place::List::next(*place);
  }
  return nullptr;
}

}  // namespace sluice::pool
