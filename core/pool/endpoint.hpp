// An endpoint: transfers with the same endpoint key share connections, and no others do. Holds the transfers that wait
// there (waiters) and the connections that are being made (dials). Plain data. Leaves decisions to pool.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/list.hpp"
#include "core/base/optional_instant.hpp"
#include "core/base/timers.hpp"
#include "core/http/session.hpp"
#include "core/options.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/proxy/passage.hpp"
#include "core/proxy/way.hpp"
#include "core/request.hpp"
#include "core/url.hpp"

namespace sluice::pool {

struct Endpoint;
struct ProxyPlaces;

// A transfer that waits for a connection, as the pool sees it.
struct Waiter {
  TransferId transfer;
  EndpointId endpoint;
  DialId dial;              // the dial that is made for it
  bool fresh_only = false;  // only a connection that was not used before: after a retry, by an option, or because
                            // take_waiter() found one unsuitable
  bool repeatable = true;   // Transfer::may_be_repeated()
  bool pipewait = true;     // it waits for a dial that may carry it too
  // Time of a retry: a connection that was made later and carries exchanges is suitable too.
  OptionalInstant retried;
  // Connections are shared within one account only (flow::Login); it outlives the wait. Null: no connection is logged
  // in.
  const std::string* account = nullptr;
  const proxy::Way* way = nullptr;  // through proxies; it outlives the wait. Null: directly
  Link<Waiter> waiting;             // in the endpoint's queue, or in its dialing list unless fresh_only
};
using WaitingList = List<Waiter, &Waiter::waiting>;

// The pool's data about a dial. It counts as one connection, however many addresses it tries.
struct DialSlot {
  DialId id;
  EndpointId endpoint;
  TransferId sponsor;        // default: none, so the connection goes to the next waiter
  bool unwanted = false;     // if there is no next waiter either, the dial is given up
  std::size_t expected = 1;  // how many exchanges at once the connection is expected to carry
  bool borrows = false;      // it counts in no limit before Pool::claim()
  Link<DialSlot> in_endpoint, orphan_in_endpoint, orphan_in_pool;
};
using DialList = List<DialSlot, &DialSlot::in_endpoint>;
using EndpointOrphans = List<DialSlot, &DialSlot::orphan_in_endpoint>;
using PoolOrphans = List<DialSlot, &DialSlot::orphan_in_pool>;

// Where to connect: what is looked up and connected to.
struct Destination {
  std::string host;  // the first proxy's, connect_to's, or the URL's
  std::string zone;
  std::uint16_t port = 0;
  AddressFamily family = AddressFamily::any;
  bool is_proxy = false;
  std::shared_ptr<Route> route;  // null: TCP
  std::shared_ptr<const SocketOptions> socket = {};
  std::shared_ptr<const ProxyProtocol> proxy_protocol = {};

  std::string where() const;  // for messages: "example.org:443", "proxy 192.0.2.1:3128", or with the route's name
  // A route or an address literal: no name is looked up, and messages need not name the address again.
  bool is_literal() const;
};

// The peer's name: what TLS sends (SNI) and checks in the certificate.
struct PeerName {
  std::string host;  // the URL's host without a final dot
  HostKind kind = HostKind::name;
  std::uint16_t port = 0;
  std::shared_ptr<const TlsConfig> tls;  // null: no TLS
};

PeerName peer_of(const Url& url);  // `tls` is left null

// What is known besides of an endpoint that is reached through proxies.
struct Through {
  proxy::Way way;
  proxy::Target target;     // where the last proxy is asked to lead; unused if the way forwards
  Again asked = Again::no;  // for what a proxy has asked before it closed the connection

  // Where this proxy is asked to lead: to the next one, or to the target.
  proxy::Target target_of(std::size_t proxy) const;
  // The first proxy that must be given an address, and has none yet; nullopt: there is none.
  std::optional<std::size_t> lacks_address(const std::vector<std::optional<IpAddress>>& known) const;
  bool is_last(std::size_t proxy) const { return proxy + 1 == way.proxies->size(); }

  // For proxy_places.cpp, which sets them.
  ProxyPlaces* places = nullptr;
  Endpoint* endpoint = nullptr;
  Link<Through> starved, spare;
};

// The version that connections are made for. `alone`: HTTP/1, because a proxy that is not offered HTTP/2 gets the
// requests without a tunnel, or because a connection is logged in, which is for one request at a time (NTLM,
// Negotiate).
http::Protocol protocol_for(HttpVersions versions, bool tls, bool alone);

// Writes the endpoint key into `key`. Two transfers share connections only if their keys are equal, and TLS sessions if
// they would be without their accounts (SB-05, SB-36, SB-42 to SB-46). Transfers that one proxy forwards share
// connections to it, whatever their origin. `tls` is null without TLS. Throws std::bad_alloc.
void endpoint_key(const Request& request, const TransferOptions& options, const TlsConfig* tls, const Waiter& waiter,
                  std::string& key);

// Whether connections of the endpoint may be shared with other hosts (Coalescing), if they speak HTTP/2: it is reached
// directly, over TLS that is made here, at the host that its URLs name, and without an account.
bool may_share(const Endpoint& endpoint);
// Of such an endpoint and an address of it: what must be equal for that. Throws std::bad_alloc.
std::string shared_key(const Endpoint& endpoint, const Address& address);

struct Endpoint {
  void recycle();
  void describe(const Request& request, const TransferOptions& options, const Waiter& waiter);
  // There are no transfers, dials or connections.
  bool unused() const { return transfers == 0 && dials.empty() && open == 0; }
  // The key holds the address of a route object, so nothing may be kept under this key after the endpoint is gone.
  bool is_by_object() const { return destination.route && destination.route->identity().empty(); }

  // Under which the TLS sessions of its connections are kept: the key without the account, because a session knows of
  // none, and an account must not be told by what is exported.
  const std::string& session_key() const { return key_of_sessions ? *key_of_sessions : key; }

  EndpointId id;
  std::string key;                               // see endpoint_key()
  std::unique_ptr<std::string> key_of_sessions;  // null: `key`
  Destination destination;
  PeerName peer;
  http::Protocol protocol = http::Protocol::http1;
  // The peer has closed a connection right after a response without announcing it (Pool::note_end).
  bool closes_unannounced = false;
  bool keeps = false;                // a connection to this endpoint was used twice
  bool wants_http1 = false;          // by HTTP_1_1_REQUIRED: what is still being made for HTTP/2 is not used
  bool stays_apart = false;          // no connection of another host is used (RFC 9110 15.5.20)
  std::unique_ptr<Through> through;  // null: no proxy

  WaitingList queue;    // transfers without a dial of their own, the oldest first
  WaitingList dialing;  // transfers that wait for a dial of their own, the oldest first
  IdleHere idle;        // the most recently used one at the front
  OfferedHere offered;  // connections with exchanges that can take more
  DialList dials;
  EndpointOrphans orphans;    // the dials without a sponsor; empty while a transfer is queued, but for a moment
  std::size_t transfers = 0;  // transfers that have not ended
  // Exchanges that the dials are expected to carry, besides those of their sponsors; and of new connections, whose peer
  // has not said yet how many it takes, those that they have no room for yet.
  std::size_t expected_more = 0;
  OptionalInstant dialing_since;         // since then dials have followed each other, and none made a connection
  std::optional<std::uint32_t> carries;  // how many exchanges at once the last new connection could carry

  // How many exchanges at once the peer takes on one connection, as it said last; 0: it has never refused one.
  std::uint32_t told_capacity = 0;
  // What counts against the limits: established connections, and dials (each one, however many addresses it tries).
  std::uint32_t open = 0;
  ConnId joined;  // the connection of another host that carries requests of this one; it may be gone
  Link<Endpoint> pending, starved, yielding, unused_link;
};
using PendingList = List<Endpoint, &Endpoint::pending>;
using StarvedList = List<Endpoint, &Endpoint::starved>;
using YieldingList = List<Endpoint, &Endpoint::yielding>;
using UnusedList = List<Endpoint, &Endpoint::unused_link>;

}  // namespace sluice::pool
