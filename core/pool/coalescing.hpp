// The connections that may carry the requests of other hosts too (RFC 9113 9.1.1), found by a key: their address, and
// all that the keys of their endpoints say but the host (shared_key() in endpoint.hpp). And those that are being made,
// with the dials of other hosts that wait for what becomes of them. Leaves to others: whether the certificate is valid
// for the other host (Layer::proves), whether the connection has room, and how long is waited.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/list.hpp"
#include "core/types.hpp"

namespace sluice::pool {

struct PooledConnection;
class SharedPlace;
using DialId = Id<struct DialTag>;

// A dial that may wait for the connection of another host.
struct Guest {
  DialId dial;
  SharedPlace* host = nullptr;  // of a connection that is being made; null: it does not wait
  Instant until;                // it waits no longer, unless the host is open by then
  bool has_waited = false;      // once is enough
  Link<Guest> link;
};

class Coalescing {
 public:
  using Place = SharedPlace;

  Coalescing() = default;
  Coalescing(const Coalescing&) = delete;
  Coalescing& operator=(const Coalescing&) = delete;

  // The connection can be found as long as the place exists, which it owns. Throws std::bad_alloc.
  std::unique_ptr<Place> offer(PooledConnection& connection, std::string key);
  // The newest one with this key that `suits`; at most limits::kMaxCoalescingChecks are looked at. Null: none. Throws
  // what `suits` throws.
  PooledConnection* find(const std::string& key, const std::function<bool(PooledConnection&)>& suits) const;

  // The same for a connection that is being made: the first of them that `suits` is found. Guests wait for it until its
  // place does not exist any more.
  std::unique_ptr<Place> announce(PooledConnection& connection, std::string key);
  Place* find_announced(const std::string& key, const std::function<bool(PooledConnection&)>& suits) const;
  void wait(Guest& guest, Place& host);  // an announced one
  void leave(Guest& guest);              // it does not wait, and is not woken
  bool has_woken() const { return !woken_.empty(); }
  std::optional<DialId> take_woken();  // a guest that does not wait any more
  void forget_guests() noexcept;       // for when memory has run out

  bool empty() const { return groups_.empty(); }

 private:
  friend class SharedPlace;
  struct Group;
  using Groups = std::map<std::string, Group, std::less<>>;
  using Guests = List<Guest, &Guest::link>;
  Groups groups_;  // none is empty
  Guests woken_;
};

// The place of one connection, which leaves it with the place. The Coalescing must outlive it.
class SharedPlace {
 public:
  SharedPlace(PooledConnection& connection, Coalescing& all)
      : connection_(connection), all_(all), group_(all.groups_.end()) {}
  ~SharedPlace();
  SharedPlace(const SharedPlace&) = delete;
  SharedPlace& operator=(const SharedPlace&) = delete;

  PooledConnection& connection() const { return connection_; }

 private:
  friend class Coalescing;
  PooledConnection& connection_;
  Coalescing& all_;
  Coalescing::Groups::iterator group_;
  bool announced_ = false;
  Coalescing::Guests guests_;
  Link<SharedPlace> link_;
  using List = sluice::List<SharedPlace, &SharedPlace::link_>;
};

struct Coalescing::Group {
  Place::List places;     // the newest at the front
  Place::List announced;  // the oldest at the front
};

}  // namespace sluice::pool
