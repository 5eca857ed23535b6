// Whether an address belongs to the address family that an option allows. Leaves to others: choosing the family.
#pragma once

#include "core/address.hpp"
#include "core/options.hpp"

namespace sluice {

inline bool family_fits(AddressFamily family, const IpAddress& address) {
  if (family == AddressFamily::any) return true;
  return address.kind == (family == AddressFamily::ipv4 ? IpAddress::Kind::ipv4 : IpAddress::Kind::ipv6);
}

}  // namespace sluice
