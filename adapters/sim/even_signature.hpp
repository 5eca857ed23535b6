// ECDSA signatures on P-256 that all have one length, so that a simulated run does not depend on chance: the DER form
// of such a signature is 70 to 72 bytes, depending on the values in it.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>

namespace sluice::sim {

// The most frequent length.
inline constexpr std::size_t kEvenSignature = 71;

bool is_p256(const EVP_PKEY* key);

// Signs the certificate until its signature has that length. `signer` is a P-256 key. Stops the process if it cannot be
// signed.
void sign_evenly(X509* certificate, EVP_PKEY* signer, const EVP_MD* digest);

// Lets servers of the context sign so. `key` is a P-256 key and must live as long as the context, whose app data this
// uses.
void sign_handshakes_evenly(SSL_CTX* context, EVP_PKEY* key);

}  // namespace sluice::sim
