// In which order the addresses of a name are tried: RFC 6724 6, as far as an application can know it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/address.hpp"

namespace sluice::net {

// The address that this machine would send from to that one; nullopt: it cannot be reached. One socket call or two, no
// packet.
std::optional<IpAddress> source_for(const IpAddress& destination);

// Sorts, and keeps the order in which they came where no rule decides. Rules 1, 2, 5, 6 and 8; rule 9 (the longest
// common prefix) is left out, since it defeats servers that take turns in their answers (RFC 6724 10.3 allows that).
void sort_by_preference(std::vector<IpAddress>& addresses,
                        const std::function<std::optional<IpAddress>(const IpAddress&)>& source = source_for);

}  // namespace sluice::net
