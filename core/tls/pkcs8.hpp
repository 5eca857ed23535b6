// Encrypted private keys (RFC 5958 3) under PBES2 (RFC 8018 6.2), whatever a tool chose to derive and encrypt with:
// PBKDF2 with each usual HMAC, scrypt (RFC 7914), AES and 3DES. BoringSSL reads PBKDF2 with SHA-1 and SHA-256 only.
#pragma once

#include <openssl/base.h>

#include <string>

#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::tls {

// `der`: an EncryptedPrivateKeyInfo, whole. Errors: tls_config, which tells a wrong password from an algorithm that is
// not known and from bytes that are no such structure; out_of_memory.
Result<bssl::UniquePtr<EVP_PKEY>> decrypt_private_key(Bytes der, const std::string& password);

}  // namespace sluice::tls
