// Who is where in a simulated world: origins, the addresses and ports they listen at, and what names resolve to.
// Knows no time and no connection.
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
  // Names, addresses and the rest that was left out are filled in. Stops the process where another origin listens
  // already.
  OriginNumber add(OriginSpec spec);
  OriginSpec& origin(OriginNumber number) { return origins_[number]; }
  std::size_t size() const { return origins_.size(); }

  void set_name(std::string host, NameSpec spec);
  const NameSpec* find_name(std::string_view host) const;  // null: there is no such name
  std::optional<OriginNumber> listener(const Address& address) const;
  // What a route that is asked for `host` and `port` leads to. `host` may be an address, or a name of set_name() alone:
  // then to who listens at the first of its addresses where anybody does.
  std::optional<OriginNumber> by_name(std::string_view host, std::uint16_t port) const;
  // Where nobody listens at any port.
  IpAddress nowhere(IpAddress::Kind kind, Random& random) const;

 private:
  struct Order {
    bool operator()(const IpAddress& a, const IpAddress& b) const {
      return std::pair(a.kind, a.bytes) < std::pair(b.kind, b.bytes);
    }
  };
  IpAddress fresh_address();
  void choose_addresses(OriginSpec& spec);

  std::deque<OriginSpec> origins_;  // an Accept may add others
  std::map<std::string, NameSpec, std::less<>> names_;
  std::map<std::string, std::map<std::uint16_t, OriginNumber>, std::less<>> by_host_;
  std::map<IpAddress, std::map<std::uint16_t, OriginNumber>, Order> listeners_;
  std::uint32_t next_address_ = 0xc000'0201;  // 192.0.2.1
};

}  // namespace sluice::sim
