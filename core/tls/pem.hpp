// Reads PEM texts (RFC 7468) as BoringSSL objects. Errors name the malformed part. Leaves encrypted PKCS #8 keys to
// pkcs8.hpp, and files to the caller. All may throw std::bad_alloc.
#pragma once

#include <openssl/pool.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::tls {

// All certificates in the text, in order; other blocks are skipped. `what` names the text in errors ("trust anchors").
// Errors: tls_config (a malformed certificate, none at all, or more than 16 MiB of text), out_of_memory. A TRUSTED
// CERTIFICATE (an OpenSSL format) that is not trusted for servers is marked, so that BoringSSL rejects each chain that
// ends in it.
Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(const std::string& text, std::string_view what);

// All certificate revocation lists in the text. Errors: tls_config ("revocation lists: ..."), out_of_memory.
Result<std::vector<bssl::UniquePtr<X509_CRL>>> read_revocation_lists(const std::string& text);

// The first private key in the text. `password` is used if the key is encrypted. Errors: tls_config, out_of_memory.
Result<bssl::UniquePtr<EVP_PKEY>> read_private_key(const std::string& text, const std::string& password);

}  // namespace sluice::tls
