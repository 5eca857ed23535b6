// The order of the addresses of a name: destination address selection of RFC 6724 6, as far as an application can know
// the facts. Leaves the attempts to the engine.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/address.hpp"

namespace sluice::net {

// The source address that this machine would use for `destination`; nullopt: it cannot be reached. A few system calls,
// no packet.
std::optional<IpAddress> source_for(const IpAddress& destination);

// Sorts `addresses`, the best first; where no rule decides, the order is kept. Uses rules 1, 2, 5, 6 and 8. Rule 9
// (longest common prefix) is left out, as RFC 6724 10.3 allows, because it defeats DNS servers that rotate their
// answers. May throw std::bad_alloc.
void sort_by_preference(std::vector<IpAddress>& addresses,
                        const std::function<std::optional<IpAddress>(const IpAddress&)>& source = source_for);

}  // namespace sluice::net
