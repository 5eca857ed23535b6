// Early data of a resumed handshake (RFC 8446 2.3): bytes that may go with the ClientHello, and what became of them.
// Leaves to others: which bytes are safe to be received twice (core/engine/early.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::tls {

struct EarlyData {
  enum class Fate : std::uint8_t {
    unsent,    // no session allows early data, or its protocol is not that of the bytes
    sent,      // the handshake is not over, or has failed
    accepted,  // the peer has all bytes; those over its limit were sent after the handshake
    refused,   // the peer has dropped them, and nothing was sent again
  };

  std::string bytes;                // one whole message
  std::string protocol;             // a session fits if its ALPN protocol begins with this, or if it has none
  Fate fate = Fate::unsent;         // written by the TLS layer
  std::size_t sent_with_hello = 0;  // how many of the bytes were sent before the handshake was over

  bool was_sent() const { return fate != Fate::unsent; }
  bool fits(std::string_view alpn) const { return alpn.empty() || alpn.starts_with(protocol); }
};

}  // namespace sluice::tls
