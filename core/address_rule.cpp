// See address_rule.hpp.
#include "core/address_rule.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace sluice {
namespace {

// The first `bits` bits of `bytes` are those of all its addresses.
struct Block {
  std::array<std::uint8_t, 12> bytes;
  std::size_t bits;

  bool holds(std::span<const std::uint8_t> address) const {
    const std::size_t whole = bits / 8;
    if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole), address.begin())) return false;
    if (bits % 8 == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
    return ((bytes[whole] ^ address[whole]) & mask) == 0;
  }
};

constexpr Block kNotPublicIpv4[] = {
    {{0}, 8},              // this network
    {{10}, 8},             // private
    {{100, 64}, 10},       // shared, of carriers (RFC 6598)
    {{127}, 8},            // loopback
    {{169, 254}, 16},      // link-local
    {{172, 16}, 12},       // private
    {{192, 0, 0}, 24},     // protocol assignments
    {{192, 0, 2}, 24},     // documentation
    {{192, 88, 99}, 24},   // relays of 6to4, deprecated
    {{192, 168}, 16},      // private
    {{198, 18}, 15},       // benchmarking
    {{198, 51, 100}, 24},  // documentation
    {{203, 0, 113}, 24},   // documentation
    {{224}, 4},            // multicast
    {{240}, 4},            // reserved, and broadcast
};
constexpr Block kGlobalUnicast = {{0x20}, 3};
constexpr Block kNotPublicIpv6[] = {
    {{0x20, 0x01, 0x00}, 23},        // protocol assignments, Teredo (2001::/32)
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x3f, 0xff, 0x00}, 20},        // documentation (RFC 9637)
};
// Where an IPv4 address is in an IPv6 one.
struct Form {
  Block block;
  std::size_t at;
};
constexpr Form kIpv4Forms[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},  // IPv4-mapped (RFC 4291 2.5.5.2)
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                    // NAT64 (RFC 6052)
    {{{0x20, 0x02}, 16}, 2},                                 // 6to4 (RFC 3056)
};

bool is_public_ipv4(std::span<const std::uint8_t> address) {
  return std::ranges::none_of(kNotPublicIpv4, [&](const Block& block) { return block.holds(address); });
}

bool is_public_ipv6(std::span<const std::uint8_t> address) {
  for (const Form& form : kIpv4Forms) {
    if (form.block.holds(address)) return is_public_ipv4(address.subspan(form.at, 4));
  }
  return kGlobalUnicast.holds(address) &&
         std::ranges::none_of(kNotPublicIpv6, [&](const Block& block) { return block.holds(address); });
}

class PublicOnly final : public AddressRule {
 public:
  Answer ask(const Question& question) override {
    const bool allowed = question.is_proxy || is_public(question.address);
    return {.kind = allowed ? Answer::Kind::allow : Answer::Kind::forbid};
  }
};

}  // namespace

bool is_public(const IpAddress& address) {
  switch (address.kind) {
    case IpAddress::Kind::none:
      return false;
    case IpAddress::Kind::ipv4:
      return is_public_ipv4(address.bytes);
    case IpAddress::Kind::ipv6:
      return is_public_ipv6(address.bytes);
  }
  return false;
}

std::shared_ptr<AddressRule> forbid_private_addresses() { return std::make_shared<PublicOnly>(); }

}  // namespace sluice
