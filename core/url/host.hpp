// The host of a URL: a name, or an IPv4 or IPv6 address, brought into canonical form or refused.
// Leaves to others: brackets, zones and ports (url.cpp), IDNA (idn.hpp) and name resolution (adapters).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/url.hpp"

namespace sluice::url {

// What is wrong, as the end of a sentence that begins with the host: "has an empty label". Static text.
using Reason = std::string_view;

// Appends a name or an IPv4 address (RFC 3986 3.2.2) in lower case, with triplets decoded. A name keeps a final dot, an
// address does not. Accepts less than the RFC's reg-name: letters, digits, '-', '_' and '.' only; labels of 1 to 63
// bytes, names of at most 253 (RFC 1035 2.3.4). Other characters are UTF-8, and the name gets its xn-- form (SB-79). A
// name that ends in a number but is not an IPv4 address of four decimal parts is refused, because resolvers do not
// agree on its meaning. After an error `out` may have changed. Throws std::bad_alloc.
std::expected<HostKind, Reason> append_host(std::string& out, std::string_view raw);

// Appends the IPv6 address from between the brackets, without zone, in the form of RFC 5952. Throws std::bad_alloc.
std::expected<void, Reason> append_ipv6(std::string& out, std::string_view raw);

}  // namespace sluice::url
