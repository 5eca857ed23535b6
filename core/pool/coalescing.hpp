// The connections that may carry the requests of other hosts too (RFC 9113 9.1.1), found by a key: their address, and
// all that the keys of their endpoints say but the host (shared_key() in endpoint.hpp). Leaves to others: whether the
// certificate is valid for the other host (Layer::proves), and whether the connection has room.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/list.hpp"

namespace sluice::pool {

struct PooledConnection;

class Coalescing {
 public:
  class Place;

  Coalescing() = default;
  Coalescing(const Coalescing&) = delete;
  Coalescing& operator=(const Coalescing&) = delete;

  // The connection can be found as long as the place exists, which it owns. Throws std::bad_alloc.
  std::unique_ptr<Place> offer(PooledConnection& connection, std::string key);
  // The newest one with this key that `suits`; at most limits::kMaxCoalescingChecks are looked at. Null: none. Throws
  // what `suits` throws.
  PooledConnection* find(const std::string& key, const std::function<bool(PooledConnection&)>& suits) const;

  bool empty() const { return groups_.empty(); }

 private:
  struct Group;
  using Groups = std::map<std::string, Group, std::less<>>;
  Groups groups_;  // none is empty
};

// The place of one connection, which leaves it with the place. The Coalescing must outlive it.
class Coalescing::Place {
 public:
  Place(PooledConnection& connection, Groups& groups)
      : connection_(connection), groups_(groups), group_(groups.end()) {}
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  friend class Coalescing;
  PooledConnection& connection_;
  Groups& groups_;
  Groups::iterator group_;
  Link<Place> link_;
  using List = sluice::List<Place, &Place::link_>;
};

struct Coalescing::Group {
  Place::List places;  // the newest at the front
};

}  // namespace sluice::pool
