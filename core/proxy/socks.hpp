// The handshakes of SOCKS proxies: SOCKS4 and 4A (the protocol descriptions by Ying-Da Lee), SOCKS5 (RFC 1928) with
// user and password (RFC 1929). Leaves look-ups to others: whether the proxy gets a name or an address is the caller's
// choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "core/error.hpp"
#include "core/proxy/passage.hpp"

namespace sluice::proxy {

enum class SocksVersion : std::uint8_t { v4, v5 };

struct SocksParams {
  SocksVersion version = SocksVersion::v5;
  std::string proxy = {};  // its name for messages
  // The host is a name, which the proxy looks up (for SOCKS4 that is SOCKS4A), or an address.
  Target target = {};
  std::string user = {}, password = {};  // SOCKS4 sends the user alone; both empty: none
};

// Errors: socks_failed, before anything is sent: a host, user or password that does not fit into its field (SB-23), an
// IPv6 address for SOCKS4, a zero byte in the host or the user of SOCKS4. Throws std::bad_alloc.
Result<std::unique_ptr<Layer>> make_socks(SocksParams params);

}  // namespace sluice::proxy
