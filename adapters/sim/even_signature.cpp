// See even_signature.hpp.
#include "adapters/sim/even_signature.hpp"

#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>

#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

// Half of all signatures have the length, so this is never reached.
constexpr int kMostTries = 200;

ssl_private_key_result_t sign_handshake(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t space,
                                        std::uint16_t algorithm, const std::uint8_t* in, std::size_t in_size) {
  auto* const key = static_cast<EVP_PKEY*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const EVP_MD* const digest = SSL_get_signature_algorithm_digest(algorithm);
  for (int i = 0; i < kMostTries; ++i) {
    bssl::ScopedEVP_MD_CTX context;
    *out_size = space;
    if (!EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) ||
        !EVP_DigestSign(context.get(), out, out_size, in, in_size)) {
      return ssl_private_key_failure;
    }
    if (*out_size == kEvenSignature) return ssl_private_key_success;
  }
  return ssl_private_key_failure;
}

// A signature is complete at once, and the key decrypts nothing.
ssl_private_key_result_t nothing_to_complete(SSL*, std::uint8_t*, std::size_t*, std::size_t) {
  return ssl_private_key_failure;
}
ssl_private_key_result_t decrypt_nothing(SSL*, std::uint8_t*, std::size_t*, std::size_t, const std::uint8_t*,
                                         std::size_t) {
  return ssl_private_key_failure;
}

constexpr SSL_PRIVATE_KEY_METHOD kMethod = {sign_handshake, decrypt_nothing, nothing_to_complete};

}  // namespace

bool is_p256(const EVP_PKEY* key) {
  const EC_KEY* const curve_key = EVP_PKEY_get0_EC_KEY(key);
  return curve_key != nullptr && EC_GROUP_get_curve_name(EC_KEY_get0_group(curve_key)) == NID_X9_62_prime256v1;
}

void sign_evenly(X509* certificate, EVP_PKEY* signer, const EVP_MD* digest) {
  for (int i = 0; i < kMostTries; ++i) {
    SLUICE_CHECK(X509_sign(certificate, signer, digest));
    const ASN1_BIT_STRING* signature = nullptr;
    X509_get0_signature(&signature, nullptr, certificate);
    if (ASN1_STRING_length(signature) == int{kEvenSignature}) return;
  }
  SLUICE_CHECK(false);
}

void sign_handshakes_evenly(SSL_CTX* context, EVP_PKEY* key) {
  SSL_CTX_set_app_data(context, key);
  SSL_CTX_set_private_key_method(context, &kMethod);
}

}  // namespace sluice::sim
