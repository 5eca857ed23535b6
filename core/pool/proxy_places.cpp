// See proxy_places.hpp.
#include "core/pool/proxy_places.hpp"

#include "core/base/ascii.hpp"
#include "core/base/key_parts.hpp"

namespace sluice::pool {

namespace {

std::string key_of(const Proxy& proxy) {
  std::string key;
  append_route(proxy.route.get(), key);
  if (proxy.route) return key;
  append_number(proxy.port, key);
  append_part(proxy.zone, key);
  return key + to_lower(proxy.host);
}

}  // namespace

void AllProxyPlaces::join(Endpoint& endpoint) {
  if (!endpoint.through) return;
  auto& [key, places] = *all_.try_emplace(key_of(endpoint.through->way.proxies->front())).first;
  places.key = &key;
  ++places.endpoints;
  endpoint.through->places = &places;
  endpoint.through->endpoint = &endpoint;
}

void AllProxyPlaces::leave(const Endpoint& endpoint) {
  ProxyPlaces* const places = of(endpoint);
  if (!places || --places->endpoints != 0) return;
  stirred_.remove(*places);
  all_.erase(all_.find(*places->key));
}

void AllProxyPlaces::free_place(ProxyPlaces& places) {
  SLUICE_CHECK(places.open > 0);
  --places.open;
  stir(places);
}

void AllProxyPlaces::note_spare(const Endpoint& endpoint) {
  ProxyPlaces* const places = endpoint.through->places;
  const bool has_spare = !endpoint.idle.empty() || !endpoint.orphans.empty();
  Through& through = *endpoint.through;
  if (!has_spare) return places->spare.remove(through);
  if (!places->spare.contains(through)) places->spare.push_back(through);
  stir(*places);
}

void AllProxyPlaces::waits(Endpoint& endpoint) {
  Through& through = *endpoint.through;
  if (!through.starved.linked) through.places->starved.push_back(through);
}

void AllProxyPlaces::waits_no_more(const Endpoint& endpoint) {
  if (ProxyPlaces* const places = of(endpoint)) places->starved.remove(*endpoint.through);
}

bool AllProxyPlaces::others_wait(const Endpoint& endpoint) {
  const ProxyPlaces* const places = of(endpoint);
  return places && places->starved.size() > (endpoint.through->starved.linked ? 1U : 0U);
}

void AllProxyPlaces::stir(ProxyPlaces& places) {
  if (!places.starved.empty() && !places.stirred.linked) stirred_.push_back(places);
}

Endpoint* AllProxyPlaces::next_turn(std::size_t most) {
  while (ProxyPlaces* const places = stirred_.front()) {
    const bool room = !is_full(*places, most) || !places->spare.empty();
    Through* const first = room ? places->starved.pop_front() : nullptr;
    if (first) return first->endpoint;
    stirred_.remove(*places);
  }
  return nullptr;
}

void AllProxyPlaces::limit_changed() {
  for (auto& [key, places] : all_) stir(places);
}

void AllProxyPlaces::check_invariants(const std::function<void(const ProxyPlaces&)>& each) const {
  SLUICE_CHECK(stirred_.empty());
  for (const auto& [key, places] : all_) each(places);
}

void AllProxyPlaces::reset() noexcept {
  stirred_ = {};
  for (auto& [key, places] : all_) {
    places.open = 0;
    places.starved = {};
    places.spare = {};
    places.stirred = {};
  }
}

}  // namespace sluice::pool
