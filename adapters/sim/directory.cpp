// See directory.hpp.
#include "adapters/sim/directory.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

// The form in which hosts are compared: without a final dot.
std::string as_compared(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return to_lower(host);
}

// Parses an address without brackets; a zone is ignored.
std::optional<IpAddress> as_address(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return IpAddress::parse(host.substr(0, host.find('%')));
}

IpAddress ipv4(std::uint32_t number) {
  IpAddress address;
  address.kind = IpAddress::Kind::ipv4;
  for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

}  // namespace

OriginNumber Directory::add(OriginSpec spec) {
  const OriginNumber number = origins_.size();
  spec.host = as_compared(spec.host);
  const bool chosen = spec.addresses.empty();
  if (chosen) choose_addresses(spec);
  for (const IpAddress& address : spec.addresses) {
    const bool free = listeners_[address].emplace(spec.port, number).second;
    SLUICE_CHECK(free);
  }
  by_host_[spec.host].emplace(spec.port, number);
  if (spec.name) {
    if (spec.name->addresses.empty()) spec.name->addresses = spec.addresses;
    names_[spec.host] = *spec.name;
  } else if (!chosen || !names_.contains(spec.host)) {
    names_[spec.host] = {.addresses = spec.addresses};
  }
  for (OtherHost& other : spec.others) {
    other.host = as_compared(other.host);
    names_[other.host] = names_[spec.host];
  }
  origins_.push_back(std::move(spec));
  return number;
}

// An address literal listens at that address. A second port of one host gets the addresses of the first.
void Directory::choose_addresses(OriginSpec& spec) {
  if (auto literal = as_address(spec.host)) {
    spec.addresses = {std::move(*literal)};
  } else if (const auto same = by_host_.find(spec.host); same != by_host_.end() && !same->second.contains(spec.port)) {
    spec.addresses = origins_[same->second.begin()->second].addresses;
  } else {
    spec.addresses = {fresh_address()};
  }
}

IpAddress Directory::fresh_address() {
  for (;;) {
    const IpAddress address = ipv4(next_address_++);
    const std::uint8_t last = address.bytes[3];
    if (last != 0 && last != 255 && !listeners_.contains(address)) return address;
  }
}

void Directory::set_name(std::string host, NameSpec spec) {
  host = as_compared(host);
  if (spec.addresses.empty()) {
    if (const auto known = by_host_.find(host); known != by_host_.end()) {
      spec.addresses = origins_[known->second.begin()->second].addresses;
    }
  }
  names_[std::move(host)] = std::move(spec);
}

const NameSpec* Directory::find_name(std::string_view host) const {
  const auto found = names_.find(as_compared(host));
  return found == names_.end() ? nullptr : &found->second;
}

std::optional<OriginNumber> Directory::listener(const Address& address) const {
  const auto ports = listeners_.find(address.ip);
  if (ports == listeners_.end()) return std::nullopt;
  const auto found = ports->second.find(address.port);
  return found == ports->second.end() ? std::nullopt : std::optional(found->second);
}

std::optional<OriginNumber> Directory::by_name(std::string_view host, std::uint16_t port) const {
  if (auto literal = as_address(host)) return listener({std::move(*literal), port});
  if (const auto ports = by_host_.find(as_compared(host)); ports != by_host_.end()) {
    const auto found = ports->second.find(port);
    return found == ports->second.end() ? std::nullopt : std::optional(found->second);
  }
  const NameSpec* alias = find_name(host);
  if (!alias) return std::nullopt;
  for (const IpAddress& address : alias->addresses) {
    if (const auto found = listener({address, port})) return found;
  }
  return std::nullopt;
}

// From the blocks for documentation (RFC 5737, RFC 3849), so that it is easy to recognise in a trace.
IpAddress Directory::nowhere(IpAddress::Kind kind, Random& random) const {
  for (;;) {
    IpAddress address = ipv4(0xcb00'7100 + 1 + static_cast<std::uint32_t>(random.below(254)));  // 203.0.113.0/24
    if (kind == IpAddress::Kind::ipv6) {
      address = *IpAddress::parse("2001:db8:dead::");
      address.bytes[15] = static_cast<std::uint8_t>(1 + random.below(255));
      address.bytes[14] = static_cast<std::uint8_t>(random.below(256));
    }
    if (!listeners_.contains(address)) return address;
  }
}

}  // namespace sluice::sim
