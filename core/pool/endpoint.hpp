// An endpoint: what connections are shared by. Transfers of one key use each other's connections, and nobody else's.
// With it what waits there: transfers (waiters) and connections that are being made (dials). Plain data; decisions are
// in pool.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/list.hpp"
#include "core/base/timers.hpp"
#include "core/options.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/request.hpp"
#include "core/url.hpp"

namespace sluice::pool {

// A transfer, as the pool sees it: it waits for a connection.
struct Waiter {
  TransferId transfer;
  EndpointId endpoint;
  DialId dial;              // that is made on its behalf
  bool fresh_only = false;  // no connection that was used: after a retry, by an option, or since only its own would do
  std::optional<Instant> retried;  // after a retry: one that was made later and carries others just now would do
  bool repeatable = true;          // it may be sent again after bytes of it may have reached a peer (RFC 9110 9.2.2)
  Link<Waiter> waiting;  // in the queue or the dialing list of its endpoint; dialing, but with fresh_only, in none
};
using WaitingList = List<Waiter, &Waiter::waiting>;

// The place of a connection that is being made. It counts as one, whatever addresses it tries.
struct DialSlot {
  DialId id;
  EndpointId endpoint;
  TransferId sponsor;        // none: nobody waits any more, the connection goes to whoever is next
  bool unwanted = false;     // and with nobody next it is given up
  std::size_t expected = 1;  // exchanges at once that it is counted on for
  Link<DialSlot> in_endpoint, orphan_in_endpoint, orphan_in_pool;
};
using DialList = List<DialSlot, &DialSlot::in_endpoint>;
using EndpointOrphans = List<DialSlot, &DialSlot::orphan_in_endpoint>;
using PoolOrphans = List<DialSlot, &DialSlot::orphan_in_pool>;

// Where bytes go: what is resolved and connected to.
struct Destination {
  std::string host;  // connect_to's, or the URL's
  std::uint16_t port = 0;
  std::string zone;
  AddressFamily family = AddressFamily::any;
  std::shared_ptr<Route> route;  // null: TCP

  std::string where() const;  // for messages: "example.org:443", or the route's name
  // A route or an address literal: no name has to be looked up, and messages gain nothing from naming addresses.
  bool is_literal() const;
};

// Who must be there: what TLS asks for and checks.
struct PeerName {
  std::string host;  // the URL's, without a final dot: SNI and certificate
  HostKind kind = HostKind::name;
  std::uint16_t port = 0;
  std::shared_ptr<const TlsConfig> tls;  // null: plain
};

PeerName peer_of(const Url& url);  // without a configuration

// Two transfers share connections, and TLS sessions, only if this is the same text for both (SB-05, SB-36, SB-43..46).
void endpoint_key(const Request& request, const TransferOptions& options, const TlsConfig* tls, std::string& key);

struct Endpoint {
  void recycle();
  void describe(const Request& request, const TransferOptions& options);
  // No transfer and no connection is left.
  bool unused() const { return transfers == 0 && dials.empty() && open == 0; }
  // The key holds the address of an object, so nothing may outlive it under this key.
  bool is_by_object() const { return destination.route && destination.route->identity().empty(); }

  EndpointId id;
  std::string key;  // see endpoint_key()
  Destination destination;
  PeerName peer;

  WaitingList queue;    // transfers that nobody dials for, oldest first
  WaitingList dialing;  // transfers that wait for a dial of their own, oldest first
  IdleHere idle;        // the most recently used one at the front
  OfferedHere offered;  // connections with exchanges and room for more
  DialList dials;
  EndpointOrphans orphans;    // of these, the ones without a sponsor; empty while anybody is queued
  std::size_t transfers = 0;  // not done yet
  // Connections that count against the limit: those that stand, and dials, each for one whatever it tries.
  std::size_t open = 0;
  std::size_t expected_more = 0;         // exchanges that the dials are counted on for, besides those of their sponsors
  std::optional<Instant> dialing_since;  // since then there were dials, one after another, and none made a connection
  std::optional<std::size_t> carries;    // how many exchanges its last connection had room for at first

  // Its peer has ended a connection right after an answer without saying so (Pool::note_end).
  bool closes_unsaid = false;
  bool keeps = false;  // a connection to it was used twice
  Link<Endpoint> pending, starved, unused_link;
};
using PendingList = List<Endpoint, &Endpoint::pending>;
using StarvedList = List<Endpoint, &Endpoint::starved>;
using UnusedList = List<Endpoint, &Endpoint::unused_link>;

}  // namespace sluice::pool
