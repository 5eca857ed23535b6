// Network addresses as plain values. Knows no sockaddr; adapters/net turns one into the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "language.hpp"

namespace sluice {

struct IpAddress {
  enum class Kind : std::uint8_t { none, ipv4, ipv6 };
  Kind kind = Kind::none;
  std::array<std::uint8_t, 16> bytes = {};  // network order; ipv4 uses the first four
  std::string zone = {};                    // ipv6 scope: an interface name or number; usually ""

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  // Literals only, strict: dotted quads without leading zeros (RFC 3986 3.2.2), and RFC 4291 2.2 (no brackets, no
  // zone).
  static std::optional<IpAddress> parse(std::string_view literal);
  std::string to_string() const;  // RFC 5952, without zone
};

struct Address {
  IpAddress ip = {};
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
  std::string to_string() const;  // "192.0.2.7:443", "[2001:db8::1]:443"
};

}  // namespace sluice
