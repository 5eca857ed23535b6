// Verifies the certificates of a server: chain to a trust anchor, time, strength, purpose, constraints and name (RFC
// 5280, RFC 6125). Leaves the handshake to client.cpp.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice::tls {

// The host for which the certificate must be valid (the reference identifier of RFC 9525).
struct ReferenceId {
  std::string host;  // canonical, without a final dot
  HostKind kind = HostKind::name;
  std::string address;  // the 4 or 16 bytes, if the host is an address
};

// Makes of a host what SNI and the certificate check need. nullopt: it is not a valid host, or memory ran out;
// BoringSSL's error queue tells which.
std::optional<ReferenceId> reference_id(const std::string& host, HostKind kind);

// The result of a verification.
struct Verdict {
  bool good = false;
  std::string reason;          // if not good: for the error's message
  int code = 0;                // X509_V_ERR_*
  std::uint8_t alert = 0;      // if not good: the TLS alert to send (RFC 8446 6.2)
  UnixSeconds good_until = 0;  // if good: when the first certificate of the chain expires
  bool out_of_memory = false;  // it was refused because memory ran out, whatever `reason` says
  // If good: the certificate that has issued the server's, or that one if it is an anchor itself.
  std::shared_ptr<X509> issuer = nullptr;
};

// Prepares a store for verify_chain(): of several certificates with one name it then prefers a valid one. Call it once,
// before threads share the store.
void search_anchors(X509_STORE* anchors);

// Verifies the chain `shown` (the server's certificate first) for `peer` at the time `wall`. `anchors` was prepared by
// search_anchors(). May throw std::bad_alloc.
Verdict verify_chain(X509_STORE* anchors, const STACK_OF(CRYPTO_BUFFER) * shown, const ReferenceId& peer,
                     UnixSeconds wall);

}  // namespace sluice::tls
