// Which addresses an engine may connect to: a rule of the application's, asked before each connection, and a ready one
// against server-side request forgery. Leaves name look-ups and connecting to others.
//
//   options.engine.address_rule = sluice::forbid_private_addresses();
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "address.hpp"
#include "language.hpp"

namespace sluice {

// Asked by an engine (EngineOptions::address_rule) about each address right before a connection to it is begun: whether
// it comes from a look-up, from known_addresses, from a URL or from connect_to, for each hop, each retry and each
// proxy. The address that was asked about is the one that is connected to, so a name that changes its addresses in
// between (DNS rebinding) gains nothing. If all addresses of a host are forbidden, the transfer ends with
// address_forbidden. Established connections are used without asking again.
//
// What a proxy is asked to lead to: an address is asked about if it is known here, because the URL has it, or because
// the proxy must be given one (socks4://, socks5://). A name that a proxy looks up cannot be checked here. Streams of a
// Route have no address and are not asked about.
//
// Must not call the engine, and must not throw. One that several engines share is asked by the threads of all of them.
class AddressRule {
 public:
  struct Question {
    std::string_view host = {};  // as it was looked up; a literal without brackets
    std::uint16_t port = 0;
    IpAddress address = {};
    bool is_proxy = false;  // host is that of a proxy, which the application has chosen
  };
  struct Answer {
    enum class Kind : std::uint8_t {
      allow,
      forbid,
      replace,  // connect to `replacement` instead; it is not asked about. For an address of the URL that is given to a
                // proxy it counts as forbid
    };
    Kind kind = Kind::allow;
    IpAddress replacement = {};
  };

  virtual ~AddressRule() = default;
  AddressRule(const AddressRule&) = delete;
  AddressRule& operator=(const AddressRule&) = delete;
  virtual Answer ask(const Question& question) = 0;

 protected:
  AddressRule() = default;
};

// Whether an address is one of the public Internet. An IPv4 address is not if its block is not globally reachable by
// the registry of RFC 6890 (private, shared, loopback, link-local, unspecified, documentation, benchmarking, reserved
// and protocol assignments), or if it is multicast or broadcast. An IPv6 address is public if it is global unicast
// (2000::/3, RFC 4291 2.4) and not of a block for documentation or for protocols (2001::/23, with Teredo). Forms of an
// IPv4 address are what that address is: IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) and 6to4 (2002::/16).
bool is_public(const IpAddress& address);

// A rule that forbids all addresses that are not public, but those of proxies, which the application has chosen itself.
// Throws std::bad_alloc.
std::shared_ptr<AddressRule> forbid_private_addresses();

}  // namespace sluice
