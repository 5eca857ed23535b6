// Decrypts private keys (RFC 5958 3) that are encrypted with PBES2 (RFC 8018 6.2): PBKDF2 with each usual HMAC, scrypt
// (RFC 7914), AES and 3DES. BoringSSL alone reads only PBKDF2 with SHA-1 and SHA-256. Leaves PEM to pem.hpp.
#pragma once

#include <openssl/base.h>

#include <string>

#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::tls {

// `der`: a complete EncryptedPrivateKeyInfo. Errors: tls_config (its message tells a wrong password, an unknown
// algorithm and malformed bytes apart), out_of_memory. May throw std::bad_alloc.
Result<bssl::UniquePtr<EVP_PKEY>> decrypt_private_key(Bytes der, const std::string& password);

}  // namespace sluice::tls
