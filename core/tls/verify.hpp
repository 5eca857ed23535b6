// Judges the certificates a server showed: chain to a trust anchor, time, strength, purpose, constraints, name.
// Knows X.509 (RFC 5280, RFC 6125); nothing of handshakes.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice::tls {

// Whom the certificate must be for.
struct PeerName {
  std::string host;  // canonical, no trailing dot
  HostKind kind = HostKind::name;
  std::string address;  // the octets, where host is an address
};

struct Verdict {
  bool good = false;
  std::string reason;          // where it is not: what a person should read
  int code = 0;                // X509_V_ERR_*
  std::uint8_t alert = 0;      // to send to the peer
  UnixSeconds good_until = 0;  // where it is: the first moment one of the chain's certificates ends
  bool out_of_memory = false;  // it was refused because memory ran out, whatever the reason says
};

// Prepares a store for verify_chain(), once and before threads share it: among its certificates of one name it prefers
// a valid one.
void search_anchors(X509_STORE* anchors);

// `anchors`: prepared by search_anchors().
Verdict verify_chain(X509_STORE* anchors, const STACK_OF(CRYPTO_BUFFER) * shown, const PeerName& peer,
                     UnixSeconds wall);

}  // namespace sluice::tls
