// See coalescing.hpp.
#include "core/pool/coalescing.hpp"

#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"

namespace sluice::pool {

SharedPlace::~SharedPlace() {
  while (Guest* const guest = guests_.pop_front()) {
    guest->host = nullptr;
    all_.woken_.push_back(*guest);
  }
  if (group_ == all_.groups_.end()) return;
  Coalescing::Group& group = group_->second;
  (announced_ ? group.announced : group.places).remove(*this);
  if (group.places.empty() && group.announced.empty()) all_.groups_.erase(group_);
}

std::unique_ptr<Coalescing::Place> Coalescing::offer(PooledConnection& connection, std::string key) {
  auto place = std::make_unique<Place>(connection, *this);
  place->group_ = groups_.try_emplace(std::move(key)).first;
  place->group_->second.places.push_front(*place);
  return place;
}

std::unique_ptr<Coalescing::Place> Coalescing::announce(PooledConnection& connection, std::string key) {
  auto place = std::make_unique<Place>(connection, *this);
  place->group_ = groups_.try_emplace(std::move(key)).first;
  place->announced_ = true;
  place->group_->second.announced.push_back(*place);
  return place;
}

namespace {

// Of the first ones of a list.
template <class List, class Suits>
auto* first_of(const List& list, Suits suits) {
  auto* place = list.front();
  for (std::size_t looked_at = 0; place && looked_at < limits::kMaxCoalescingChecks; ++looked_at) {
    if (suits(*place)) return place;
    place = List::next(*place);
  }
  return decltype(place){nullptr};
}

}  // namespace

PooledConnection* Coalescing::find(const std::string& key, const std::function<bool(PooledConnection&)>& suits) const {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return nullptr;
  Place* const place = first_of(group->second.places, [&](const Place& one) { return suits(one.connection_); });
  return place ? &place->connection_ : nullptr;
}

Coalescing::Place* Coalescing::find_announced(const std::string& key,
                                              const std::function<bool(PooledConnection&)>& suits) const {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return nullptr;
  return first_of(group->second.announced, [&](const Place& one) { return suits(one.connection_); });
}

void Coalescing::wait(Guest& guest, Place& host) {
  SLUICE_CHECK(host.announced_);
  leave(guest);
  guest.host = &host;
  guest.has_waited = true;
  host.guests_.push_back(guest);
}

void Coalescing::leave(Guest& guest) {
  if (Place* const host = std::exchange(guest.host, nullptr)) {
    host->guests_.remove(guest);
  } else {
    woken_.remove(guest);
  }
}

std::optional<DialId> Coalescing::take_woken() {
  const Guest* const guest = woken_.pop_front();
  return guest ? std::optional(guest->dial) : std::nullopt;
}

void Coalescing::forget_guests() noexcept {
  const auto forget = [](Guests& guests) {
    while (Guest* const guest = guests.pop_front()) guest->host = nullptr;
  };
  for (auto& [key, group] : groups_) {
    for (Place* place = group.announced.front(); place; place = Place::List::next(*place)) forget(place->guests_);
  }
  forget(woken_);
}

}  // namespace sluice::pool
