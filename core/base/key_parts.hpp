// The parts of keys by which connections, TLS sessions and proxies are told apart: appended one after the other, so
// that equal keys have equal parts. Leaves to others which parts a key has (core/pool/endpoint.cpp,
// core/proxy/way.cpp).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/options.hpp"

namespace sluice {

// All of these throw std::bad_alloc.
template <typename Number>
void append_number(Number number, std::string& key) {
  const auto bytes = std::bit_cast<std::array<char, sizeof number>>(number);
  key.append(bytes.data(), bytes.size());
}

// With its size before it.
inline void append_part(std::string_view part, std::string& key) {
  append_number(static_cast<std::uint32_t>(part.size()), key);
  key.append(part);
}

// A route without an identity is named by its address. What has the key must keep the route alive, so that no other
// object has this address in that time, and nothing may be kept under the key afterwards.
inline void append_route(const Route* route, std::string& key) {
  if (route) key += route->is_secure() ? 's' : 'p';
  if (!route) {
    key += '-';
  } else if (route->identity().empty()) {
    key += 'o';
    append_number(route, key);
  } else {
    key += 'i';
    append_part(route->identity(), key);
  }
}

}  // namespace sluice
