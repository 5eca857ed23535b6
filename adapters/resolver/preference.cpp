// See preference.hpp.
#include "adapters/resolver/preference.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

#include "adapters/net/descriptor.hpp"

namespace sluice::net {
namespace {

using Octets = std::array<std::uint8_t, 16>;

// RFC 6724 3.2: an IPv4 address is treated as its IPv4-mapped IPv6 address.
Octets as_ipv6(const IpAddress& address) {
  if (address.kind == IpAddress::Kind::ipv6) return address.bytes;
  Octets mapped = {};
  mapped[10] = mapped[11] = 0xff;
  std::copy_n(address.bytes.begin(), 4, mapped.begin() + 12);
  return mapped;
}

struct Policy {
  Octets prefix;
  unsigned bits;
  int precedence, label;
};

// The default policy table of RFC 6724 2.1, the longest prefixes first.
constexpr Policy kPolicies[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 50, 0},  // ::1
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 35, 4},         // ::ffff:0:0/96
    {{}, 96, 1, 3},                                                  // ::/96
    {{0x20, 0x01}, 32, 5, 5},                                        // 2001::/32, Teredo
    {{0x20, 0x02}, 16, 30, 2},                                       // 2002::/16, 6to4
    {{0x3f, 0xfe}, 16, 1, 12},                                       // 3ffe::/16
    {{0xfe, 0xc0}, 10, 1, 11},                                       // fec0::/10
    {{0xfc}, 7, 3, 13},                                              // fc00::/7, unique local
    {{}, 0, 40, 1},
};

bool has_prefix(const Octets& address, const Policy& policy) {
  for (unsigned bit = 0; bit < policy.bits; bit += 8) {
    const unsigned left = std::min(8U, policy.bits - bit);
    const unsigned mask = 0xffU << (8 - left) & 0xffU;
    if (((address[bit / 8] ^ policy.prefix[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

const Policy& policy_of(const Octets& address) {
  return *std::ranges::find_if(kPolicies, [&](const Policy& policy) { return has_prefix(address, policy); });
}

// Scope numbers of RFC 4291 2.7; RFC 6724 3.1 and 3.2 for unicast and IPv4.
int scope_of(const Octets& address) {
  constexpr int kLink = 2, kSite = 5, kGlobal = 14;
  if (address[0] == 0xff) return address[1] & 0xf;
  if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) return kLink;
  if (address[0] == 0xfe && (address[1] & 0xc0) == 0xc0) return kSite;
  if (has_prefix(address, kPolicies[0])) return kLink;
  if (has_prefix(address, kPolicies[1])) {
    const bool link = address[12] == 127 || (address[12] == 169 && address[13] == 254);
    return link ? kLink : kGlobal;
  }
  return kGlobal;
}

// One member for each rule; smaller is better.
using Rank = std::tuple<bool, bool, bool, int, int>;

Rank rank(const IpAddress& destination, const std::optional<IpAddress>& source) {
  const Octets to = as_ipv6(destination);
  const Policy& policy = policy_of(to);
  if (!source) return {true, true, true, -policy.precedence, scope_of(to)};
  const Octets from = as_ipv6(*source);
  return {false, scope_of(to) != scope_of(from), policy.label != policy_of(from).label, -policy.precedence,
          scope_of(to)};
}

}  // namespace

std::optional<IpAddress> source_for(const IpAddress& destination) {
  const bool ipv4 = destination.kind == IpAddress::Kind::ipv4;
  sockaddr_storage storage = {};
  socklen_t size = ipv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  sockaddr_in in4 = {};
  sockaddr_in6 in6 = {};
  if (ipv4) {
    in4.sin_family = AF_INET;
    in4.sin_port = htons(9);
    std::memcpy(&in4.sin_addr, destination.bytes.data(), 4);
    std::memcpy(&storage, &in4, sizeof in4);
  } else {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(9);
    std::memcpy(&in6.sin6_addr, destination.bytes.data(), 16);
    std::memcpy(&storage, &in6, sizeof in6);
  }
  const Descriptor socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!socket) return std::nullopt;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) return std::nullopt;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  IpAddress source;
  source.kind = destination.kind;
  if (ipv4) {
    std::memcpy(&in4, &storage, sizeof in4);
    std::memcpy(source.bytes.data(), &in4.sin_addr, 4);
  } else {
    std::memcpy(&in6, &storage, sizeof in6);
    std::memcpy(source.bytes.data(), &in6.sin6_addr, 16);
  }
  return source;
}

void sort_by_preference(std::vector<IpAddress>& addresses,
                        const std::function<std::optional<IpAddress>(const IpAddress&)>& source) {
  const auto is_ipv4 = [](const IpAddress& address) { return address.kind == IpAddress::Kind::ipv4; };
  if (addresses.size() < 2 || std::ranges::all_of(addresses, is_ipv4)) return;
  // The index makes equal addresses keep their order.
  std::vector<std::pair<Rank, std::size_t>> ranked;
  ranked.reserve(addresses.size());
  for (const IpAddress& address : addresses) ranked.emplace_back(rank(address, source(address)), ranked.size());
  std::ranges::sort(ranked);
  std::vector<IpAddress> sorted;
  sorted.reserve(addresses.size());
  for (const auto& [its, place] : ranked) sorted.push_back(std::move(addresses[place]));
  addresses = std::move(sorted);
}

}  // namespace sluice::net
