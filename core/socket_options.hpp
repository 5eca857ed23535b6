// How a driver makes the TCP sockets of connections. Plain values: the core only compares them (connections are shared
// by transfers with equal ones) and passes them on in output::Connect. Leaves what the system makes of them to
// the driver.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address.hpp"
#include "types.hpp"

namespace sluice {

// Probes of an idle TCP connection (RFC 9293 3.8.4). The times are rounded up to whole seconds.
struct KeepAlive {
  Duration idle = std::chrono::seconds(60);      // without a byte from the peer before the first probe
  Duration interval = std::chrono::seconds(60);  // between two probes
  std::uint32_t count = 9;                       // of probes without an answer, after which the connection is closed
  friend bool operator==(const KeepAlive&, const KeepAlive&) = default;
};

// For TransferOptions::socket. Of a connection through proxies they are for the socket to the first proxy. What cannot
// be done is an error of the attempt: bind_failed for the first three, connect_failed for ip_tos, priority and
// multipath. What only makes a connection faster (keep_alive, tcp_nodelay, tcp_fastopen) is left out where the system
// lacks it.
struct SocketOptions {
  // The network interface that everything goes through ("eth0"). Where the system does not allow that, the socket has
  // an address of this interface. Empty: the routes of the system decide.
  std::string interface = {};
  // The address of this end: the first one of the same family as the peer's. If none is, this address of the peer
  // cannot be connected to (connect_failed). Empty: the system chooses.
  std::vector<IpAddress> local_addresses = {};
  // The first free port from local_port to last_local_port, or local_port alone if that is not less. 0: the system
  // chooses.
  std::uint16_t local_port = 0;
  std::uint16_t last_local_port = 0;
  std::optional<KeepAlive> keep_alive = {};  // nullopt: no probes
  bool tcp_nodelay = true;                   // small pieces are not held back (RFC 9293 3.7.4)
  // The first bytes are sent with the SYN if the peer was met before (RFC 7413). The system then says that such a
  // connection is open before the peer has answered, so no other address of the host is tried.
  bool tcp_fastopen = false;
  std::optional<std::uint8_t> ip_tos = {};    // the byte of DSCP and ECN (RFC 2474, RFC 3168): TOS, or Traffic Class
  std::optional<std::uint8_t> priority = {};  // SO_PRIORITY, 0 to 7; a VLAN makes its own priority of it
  bool multipath = false;                     // MPTCP (RFC 8684); a peer without it gets TCP
  friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

}  // namespace sluice
