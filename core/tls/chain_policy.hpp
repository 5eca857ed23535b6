// Which keys and signatures a chain may be made of (SB-83): what BoringSSL can still compute is more than what can
// still be trusted.
#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::tls {

struct ChainFault {
  std::size_t at = 0;  // the certificate's place in the chain; 0: the server's
  int code = 0;        // X509_V_ERR_*
  std::string reason;  // what a person should read
};

// `chain`: verified, the server's certificate first, the trust anchor last. Each key must be RSA of 2,048 bits or more,
// on P-256, P-384 or P-521, or Ed25519; the anchor's too. Each signature but the anchor's must be made with SHA-2 of
// 256 bits or more, or be Ed25519's. The anchor's proves nothing: it is trusted for being there, and many roots are
// signed by themselves with SHA-1.
std::optional<ChainFault> weak_link(const STACK_OF(X509) & chain);

}  // namespace sluice::tls
