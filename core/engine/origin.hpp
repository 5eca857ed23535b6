// What the pool is made of: origins (places requests go to, under one set of options), sockets (a connection and its place in the
// pool) and dials (the making of one connection: names, addresses, the race between them). Plain data; decisions are in scheduler.cpp and dial.cpp.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/exchanges.hpp"
#include "core/engine/stack.hpp"
#include "core/engine/transfer.hpp"
#include "core/options.hpp"

namespace sluice::engine {

// A connection, or the attempt to have one.
struct Socket {
  void recycle();
  // It has stood unused, or between two exchanges: the peer may have closed it meanwhile.
  bool may_be_stale() const { return was_idle || exchanges_carried > 0; }
  std::string peer() const { return route_name.empty() ? address.to_string() : route_name; }  // for messages

  ConnId id;
  OriginId origin;
  DialId dial;  // until it is ready
  Stack stack;
  Address address;
  std::string route_name;  // "" with an address
  Exchanges exchanges;
  std::shared_ptr<const TlsDetails> tls;
  std::uint32_t exchanges_carried = 0;
  bool was_idle = false;
  bool interest_announced = false;
  bool write_broken = false;  // a send failed; what the peer said before may still be read
  bool last_use = false;      // its transfer forbids any other after it
  bool interest_owed = false, close_owed = false;  // an output that found no room among the others (shortage.cpp)
  Instant idle_since;         // since the end of the last answer, parked or not
  std::optional<Duration> kept_for;  // by the peer, unused, as its Keep-Alive field says: a margin is taken off
  std::optional<Instant> resolved, connected, secured;
  std::optional<Error> send_error;
  TimerHeap::Handle expiry_timer;
  Link<Socket> idle_in_origin, idle_in_engine;
};
using OriginIdleList = List<Socket, &Socket::idle_in_origin>;
using EngineIdleList = List<Socket, &Socket::idle_in_engine>;

// The making of one connection on behalf of one transfer (its sponsor). RFC 8305: addresses are tried one after another,
// a little apart, and the first to answer wins.
struct Dial {
  void recycle();

  DialId id;
  OriginId origin;
  TransferId sponsor;  // none: nobody waits any more, the connection goes to whoever is next
  bool resolving = false;  // its name's addresses, or more of them, are to come
  std::vector<IpAddress> addresses;
  std::size_t next_address = 0;
  std::vector<ConnId> attempts;  // running ones
  std::optional<Instant> resolved;
  std::optional<Error> last_error;
  std::string failures;  // of the attempts, in words
  TimerHeap::Handle stagger_timer, timeout_timer;  // the first also is the Resolution Delay's, before any attempt
  Link<Dial> in_origin, orphan_in_origin, orphan_in_engine;
};
using DialList = List<Dial, &Dial::in_origin>;
using OriginOrphanList = List<Dial, &Dial::orphan_in_origin>;
using EngineOrphanList = List<Dial, &Dial::orphan_in_engine>;

struct Origin {
  void recycle();
  // No transfer and no connection is left: only its addresses are worth keeping.
  std::string where() const;  // what is connected to, for messages: "example.org:443", or the route's name
  bool unused() const { return transfers == 0 && dials.empty() && open == 0; }

  OriginId id;
  std::string key;   // see Engine::Impl::pool_key
  std::string host;  // what is resolved and connected to: connect_to's, or the URL's
  std::uint16_t port = 0;
  std::string zone;
  std::string name;  // the URL's host without a final dot: SNI and certificate
  HostKind name_kind = HostKind::name;
  std::uint16_t name_port = 0;
  AddressFamily family = AddressFamily::any;
  std::shared_ptr<Route> route;          // null: TCP
  std::shared_ptr<const TlsConfig> tls;  // null: plain

  WaitingList queue;    // transfers that nobody dials for, oldest first
  WaitingList dialing;  // transfers that wait for a dial of their own, oldest first
  OriginIdleList idle;  // the most recently used one at the front
  DialList dials;
  OriginOrphanList orphans;  // of these, the ones without a sponsor; empty while anybody is queued
  std::size_t transfers = 0;  // not done yet
  std::size_t open = 0;  // connections that count against the limit: those that stand, and dials, each for one whatever it tries

  bool closes_unsaid = false;  // its peer has ended a connection right after an answer without saying so (scheduler.cpp)
  bool keeps = false;          // a connection to it was used twice

  ResolveId resolve;  // set while one is running
  std::vector<IpAddress> addresses;
  std::optional<Instant> addresses_until;
  bool known_in_part = false;  // `addresses` is the first part of an answer; the rest is to come
  Instant ipv6_until;          // then: IPv6's answer is waited for until here
  Link<Origin> pending, starved, unused_link;
};
using PendingList = List<Origin, &Origin::pending>;
using StarvedList = List<Origin, &Origin::starved>;
using UnusedList = List<Origin, &Origin::unused_link>;

}  // namespace sluice::engine
