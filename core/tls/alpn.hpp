// Which protocols a handshake offers by ALPN (RFC 7301).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct ssl_st;  // BoringSSL's SSL

namespace sluice::tls {

// What of HTTP/2 is offered beside the configuration's protocols.
enum class Http2Offer : std::uint8_t {
  as_configured,
  first,  // "h2", then the others; nothing if the configuration has none
  alone,
  never,  // the configuration's without "h2"
};

// The list of RFC 7301 3.1. The names are valid. Throws std::bad_alloc.
std::string alpn_wire(const std::vector<std::string>& protocols);

// Sets what the configuration has not set already. If there is no room for one name more, "h2" is not offered. False:
// not enough memory; it may also throw std::bad_alloc.
bool offer_protocols(::ssl_st* ssl, Http2Offer offer, const std::vector<std::string>& configured);

}  // namespace sluice::tls
