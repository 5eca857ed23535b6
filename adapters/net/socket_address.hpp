// Addresses as the system's calls want them, and back. Leaves the calls to others.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "core/address.hpp"

namespace sluice::net {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// nullopt: Kind::none, or a zone that is no interface of this system.
std::optional<SocketAddress> to_socket_address(const Address& address);
// Kind::none: neither IPv4 nor IPv6.
Address to_address(const sockaddr_storage& storage);

}  // namespace sluice::net
