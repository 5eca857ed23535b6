// Limits of a transfer that most transfers do not have: timeouts of single phases, rates. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "types.hpp"

namespace sluice {

// All timeouts are zero or more; nullopt: no limit. A phase that a hop does not have, because its connection exists
// already, does not count. Rates count the bytes of bodies, without chunk framing. add() returns invalid_option for a
// rate or a period of zero.
struct TransferLimits {
  // From add() (and from the begin of each further hop) until the transfer has a connection, or one is begun for it.
  std::optional<Duration> queue_timeout = {};
  std::optional<Duration> resolve_timeout = {};  // from the start of name resolution to an address
  std::optional<Duration> tls_timeout = {};      // from the open stream until TLS is established
  // From the last byte of the request to the first byte of the response's head. An interim response (1xx) begins it
  // anew.
  std::optional<Duration> response_timeout = {};

  // A transfer of which fewer than low_rate bytes a second came and went over a low_period fails with too_slow. The
  // bytes are those on the wire, heads and TLS included; where a connection carries several exchanges, those of heads
  // and bodies.
  // Time in which the application does not consume or supply body bytes does not count. nullopt: no such limit.
  std::optional<std::uint64_t> low_rate = {};
  Duration low_period = std::chrono::seconds(30);

  // The greatest number of body bytes a second, on average; nullopt: no limit. Over HTTP/2 max_receive_rate only delays
  // the opening of the exchange's window (RFC 9113 5.2). That is 512 KiB or more at first, and is opened by at least
  // half of it at a time. So the first bytes of a body, as many as the window has, come as fast as the server sends
  // them, and the others in bursts; a body that fits into the window is not limited.
  std::optional<std::uint64_t> max_receive_rate = {};
  std::optional<std::uint64_t> max_send_rate = {};

  friend bool operator==(const TransferLimits&, const TransferLimits&) = default;
};

}  // namespace sluice
