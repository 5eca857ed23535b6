// Network addresses as plain values. Knows no sockaddr: adapters/net converts between the two.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "language.hpp"

namespace sluice {

// An IPv4 or IPv6 address. A default object is no address (Kind::none).
struct IpAddress {
  enum class Kind : std::uint8_t { none, ipv4, ipv6 };
  Kind kind = Kind::none;
  std::array<std::uint8_t, 16> bytes = {};  // network order; ipv4 uses the first four
  std::string zone = {};                    // IPv6 zone (RFC 4007 11): an interface name or number; "" if none

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  // Parses an address literal: four decimal numbers without leading zeros (RFC 3986 3.2.2), or the form of RFC 4291 2.2
  // without brackets and without a zone. nullopt: the text is anything else. Never a name.
  static std::optional<IpAddress> parse(std::string_view literal);
  std::string to_string() const;  // the form of RFC 5952, without the zone; "" for Kind::none
};

// An IP address and a TCP port.
struct Address {
  IpAddress ip = {};
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
  std::string to_string() const;  // "192.0.2.7:443", "[2001:db8::1%eth0]:443"
};

}  // namespace sluice
