// Which keys and signatures the certificates of a chain may have (SB-83): BoringSSL still accepts some that are too
// weak. Leaves everything else about a chain to verify.hpp.
#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::tls {

struct ChainFault {
  std::size_t at = 0;  // index of the certificate in the chain; 0: the server's
  int code = 0;        // X509_V_ERR_*
  std::string reason;  // for the error's message
};

// The first certificate of `chain` that is too weak; nullopt: none. `chain` is verified already, the server's
// certificate first, the trust anchor last. Each key, also the anchor's, must be RSA with at least 2048 bits, be on the
// curve P-256, P-384 or P-521, or be Ed25519. Each signature except the anchor's must use SHA-256, SHA-384 or SHA-512,
// or be Ed25519. The anchor's own signature does not matter: the anchor is trusted because it is configured, and many
// roots have a SHA-1 signature.
std::optional<ChainFault> weak_link(const STACK_OF(X509) & chain);

}  // namespace sluice::tls
