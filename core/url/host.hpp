// The host of a URL: names, IPv4 and IPv6 literals, each in one canonical form or refused.
// Leaves to others: brackets, zones and ports (url.cpp), IDNA and what a name resolves to (adapters).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/url.hpp"

namespace sluice::url {

// What is wrong, as the end of a sentence that begins with the host: "has an empty label".
using Reason = std::string_view;

// Appends a name or an IPv4 address (RFC 3986 3.2.2) in lower case, with triplets decoded and one trailing dot dropped.
// Narrower than the RFC's reg-name: letters, digits, '-', '_' and '.' only; labels of 1 to 63 bytes, names up to 253
// (RFC 1035 2.3.4). A name that ends in a number and is no strict IPv4 address is refused, since resolvers differ
// about what it means.
std::expected<HostKind, Reason> append_host(std::string& out, std::string_view raw);

// Appends what stands between the brackets, without zone, in the form of RFC 5952.
std::expected<void, Reason> append_ipv6(std::string& out, std::string_view raw);

}  // namespace sluice::url
