// Which connections may carry the requests of other hosts too (RFC 9113 9.1.1): those that multiplex over TLS, found by
// their address and by all that the keys of their endpoints say but the host. Leaves to others: whether the certificate
// is valid for the other host (Layer::proves), and whether the connection has room.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "core/address.hpp"
#include "core/base/list.hpp"

namespace sluice::pool {

struct Endpoint;
struct PooledConnection;

class Coalescing {
 public:
  class Place;

  Coalescing() = default;
  Coalescing(const Coalescing&) = delete;
  Coalescing& operator=(const Coalescing&) = delete;

  // Whether connections of the endpoint may be shared with other hosts, if they speak HTTP/2: it is reached directly,
  // over TLS that is made here, at the host that its URLs name, and without an account.
  static bool concerns(const Endpoint& endpoint);
  // The connection can be found until its `place` is reset. Throws std::bad_alloc; it cannot be found then.
  void offer(PooledConnection& connection, const Endpoint& endpoint);
  // The newest one at this address that `suits`; at most limits::kMaxCoalescingChecks are looked at. Null: none. Throws
  // std::bad_alloc, and what `suits` throws.
  PooledConnection* find(const Endpoint& endpoint, const Address& address,
                         const std::function<bool(PooledConnection&)>& suits) const;

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
  void join(std::string key);  // once. Throws std::bad_alloc

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
