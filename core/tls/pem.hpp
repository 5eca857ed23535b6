// PEM texts (RFC 7468) to BoringSSL objects, with errors that name the part that is bad.
#pragma once

#include <openssl/pool.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::tls {

// All certificates in the text, in order; other blocks are passed over. `what` names the text in errors ("trust
// anchors"). An error too when there is none. A TRUSTED CERTIFICATE (OpenSSL's) that its settings forbid to vouch for
// servers is marked so that BoringSSL rejects each chain that leads to it.
Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(const std::string& text, std::string_view what);

// The first private key in the text.
Result<bssl::UniquePtr<EVP_PKEY>> read_private_key(const std::string& text, const std::string& password);

}  // namespace sluice::tls
