// The directory of a simulated world: origins, the addresses and ports where they listen, and what names resolve to.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim.hpp"

namespace sluice::sim {

class Directory {
 public:
  // Adds an origin; fills in the addresses and the name if they were left out. Stops the process if another origin
  // listens at the same place.
  OriginNumber add(OriginSpec spec);
  OriginSpec& origin(OriginNumber number) { return origins_[number]; }
  std::size_t size() const { return origins_.size(); }

  void set_name(std::string host, NameSpec spec);
  const NameSpec* find_name(std::string_view host) const;  // null: there is no such name
  std::optional<OriginNumber> listener(const Address& address) const;
  // The origin that a route to `host` and `port` reaches. `host` may be an origin's name, an address, or a name of
  // set_name(): then the origin at the first of its addresses where one listens. nullopt: none.
  std::optional<OriginNumber> by_name(std::string_view host, std::uint16_t port) const;
  // An address where no origin listens.
  IpAddress nowhere(IpAddress::Kind kind, Random& random) const;

 private:
  struct Order {
    bool operator()(const IpAddress& a, const IpAddress& b) const {
      return std::pair(a.kind, a.bytes) < std::pair(b.kind, b.bytes);
    }
  };
  IpAddress fresh_address();
  void choose_addresses(OriginSpec& spec);

  std::deque<OriginSpec> origins_;  // an Accept may add origins, so references must stay valid
  std::map<std::string, NameSpec, std::less<>> names_;
  std::map<std::string, std::map<std::uint16_t, OriginNumber>, std::less<>> by_host_;
  std::map<IpAddress, std::map<std::uint16_t, OriginNumber>, Order> listeners_;
  std::uint32_t next_address_ = 0xc000'0201;  // 192.0.2.1
};

}  // namespace sluice::sim
