// Encrypted Client Hello (RFC 9849): whether a list of configurations can be used. Leaves the encryption to BoringSSL,
// and getting the list (from DNS) to the application.
#pragma once

#include <openssl/ssl.h>

#include <string_view>

#include "core/options.hpp"

namespace sluice::tls {

// Nothing is wrong with TlsOptions::ech_config_list: it is empty, or well-formed with a configuration that BoringSSL
// uses. Without one BoringSSL would send the host's name in clear. Errors: tls_config ("Encrypted Client Hello: ..."),
// out_of_memory.
Result<void> check_ech(SSL_CTX* context, const TlsOptions& options);

}  // namespace sluice::tls
