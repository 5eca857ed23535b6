// See socket_address.hpp.
#include "adapters/net/socket_address.hpp"

#include <net/if.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <string>
#include <system_error>

namespace sluice::net {
namespace {

// RFC 4007 11.2: a zone is an interface name or number.
std::optional<std::uint32_t> scope_of(const std::string& zone) {
  if (zone.empty()) return 0;
  if (const unsigned index = ::if_nametoindex(zone.c_str()); index != 0) return index;
  std::uint32_t number = 0;
  const char* end = zone.data() + zone.size();
  const auto [at, error] = std::from_chars(zone.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<SocketAddress> to_socket_address(const Address& address) {
  SocketAddress out;
  switch (address.ip.kind) {
    case IpAddress::Kind::none:
      return std::nullopt;
    case IpAddress::Kind::ipv4: {
      sockaddr_in ipv4 = {};
      ipv4.sin_family = AF_INET;
      ipv4.sin_port = htons(address.port);
      std::memcpy(&ipv4.sin_addr, address.ip.bytes.data(), 4);
      std::memcpy(&out.storage, &ipv4, sizeof ipv4);
      out.size = sizeof ipv4;
      return out;
    }
    case IpAddress::Kind::ipv6: {
      const auto scope = scope_of(address.ip.zone);
      if (!scope) return std::nullopt;
      sockaddr_in6 ipv6 = {};
      ipv6.sin6_family = AF_INET6;
      ipv6.sin6_port = htons(address.port);
      ipv6.sin6_scope_id = *scope;
      std::memcpy(&ipv6.sin6_addr, address.ip.bytes.data(), 16);
      std::memcpy(&out.storage, &ipv6, sizeof ipv6);
      out.size = sizeof ipv6;
      return out;
    }
  }
  return std::nullopt;
}

Address to_address(const sockaddr_storage& storage) {
  Address out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in ipv4 = {};
    std::memcpy(&ipv4, &storage, sizeof ipv4);
    out.ip.kind = IpAddress::Kind::ipv4;
    std::memcpy(out.ip.bytes.data(), &ipv4.sin_addr, 4);
    out.port = ntohs(ipv4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 ipv6 = {};
    std::memcpy(&ipv6, &storage, sizeof ipv6);
    out.ip.kind = IpAddress::Kind::ipv6;
    std::memcpy(out.ip.bytes.data(), &ipv6.sin6_addr, 16);
    if (ipv6.sin6_scope_id != 0) out.ip.zone = std::to_string(ipv6.sin6_scope_id);
    out.port = ntohs(ipv6.sin6_port);
  }
  return out;
}

}  // namespace sluice::net
