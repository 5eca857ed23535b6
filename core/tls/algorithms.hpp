// Which ciphers, groups and signature algorithms a configuration has (TlsOptions::ciphers and so on). Leaves versions
// to config.cpp, and what certificates may be signed with to chain_policy.hpp.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <vector>

#include "core/options.hpp"

namespace sluice::tls {

// Errors: tls_config (its text begins with the member: "ciphers: ...", "TLS 1.3 ciphers: ...", "groups: ...",
// "signature algorithms: ..."), out_of_memory. May throw std::bad_alloc.
Result<void> set_algorithms(SSL_CTX* context, const TlsOptions& options);

// The numbers of TlsOptions::tls13_ciphers (RFC 8446 B.4); empty: all. BoringSSL has no choice of them, so all are
// offered: the handshake is ended if the server chooses another one. As in OpenSSL, names that are not known are left
// out, if there is at least one that is.
Result<std::vector<std::uint16_t>> tls13_ciphers(const TlsOptions& options);

}  // namespace sluice::tls
