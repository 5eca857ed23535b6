// The connections to each proxy, over all endpoints whose way begins with it: how many there are, which endpoints wait
// for one because of EngineLimits::max_connections_per_proxy, and which have one that could make room. Leaves the
// decisions to pool.cpp. Endpoints without a proxy have no part in it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/base/list.hpp"
#include "core/pool/endpoint.hpp"

namespace sluice::pool {

// One proxy, by its host and port or its route: users and schemes do not count.
struct ProxyPlaces {
  std::size_t open = 0;       // the sum of Endpoint::open
  std::size_t endpoints = 0;  // those that exist
  const std::string* key = nullptr;
  List<Through, &Through::starved> starved;  // the first that came at the front
  List<Through, &Through::spare> spare;      // those with idle connections, or with dials that have no sponsor
  Link<ProxyPlaces> stirred;
};

class AllProxyPlaces {
 public:
  // Null: the endpoint has no proxy.
  static ProxyPlaces* of(const Endpoint& endpoint) { return endpoint.through ? endpoint.through->places : nullptr; }

  // A new endpoint, whose `through` is set. Throws std::bad_alloc; nothing has changed then.
  void join(Endpoint& endpoint);
  void leave(const Endpoint& endpoint);  // before an endpoint is forgotten

  // ---- what has changed ----
  void opened(const Endpoint& endpoint) {
    if (endpoint.through) ++endpoint.through->places->open;
  }
  void freed(const Endpoint& endpoint) {
    if (endpoint.through) free_place(*endpoint.through->places);
  }
  // Its idle connections, or its dials without a sponsor.
  void spare_changed(const Endpoint& endpoint) {
    if (endpoint.through) note_spare(endpoint);
  }
  void waits(Endpoint& endpoint);  // at the end of its proxy's queue, if it is not there already
  void waits_no_more(const Endpoint& endpoint);

  // ---- limits; `most` 0: none ----
  static bool is_full(const ProxyPlaces& places, std::size_t most) { return most != 0 && places.open >= most; }
  static bool exceeds(const ProxyPlaces& places, std::size_t most) { return most != 0 && places.open > most; }
  // Whether others wait for a place at the same proxy.
  static bool others_wait(const Endpoint& endpoint);

  // The next endpoint that may have one more connection, or take the place of a spare one, after what has changed. It
  // waits no more. Null: there is none.
  Endpoint* next_turn(std::size_t most);
  bool has_turns() const { return !stirred_.empty(); }
  void limit_changed();  // all who wait are looked at

  void check_invariants(const std::function<void(const ProxyPlaces&)>& each) const;
  void reset() noexcept;  // forgets all that Pool::reset() forgets

 private:
  void free_place(ProxyPlaces& places);
  void note_spare(const Endpoint& endpoint);
  void stir(ProxyPlaces& places);

  std::map<std::string, ProxyPlaces, std::less<>> all_;  // its nodes stay where they are
  List<ProxyPlaces, &ProxyPlaces::stirred> stirred_;     // something has changed there, and endpoints wait
};

}  // namespace sluice::pool
