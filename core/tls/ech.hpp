// Encrypted Client Hello (RFC 9849): whether a list of configurations can be used, and what a connection offers. Leaves
// the encryption to BoringSSL, and getting the list (from DNS) to others.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/options.hpp"

namespace sluice::tls {

// Nothing is wrong with TlsOptions::ech_config_list: it is empty, or well-formed with a configuration that BoringSSL
// uses. Without one BoringSSL would send the host's name in clear. Errors: tls_config ("Encrypted Client Hello: ..."),
// out_of_memory.
Result<void> check_ech(SSL_CTX* context, const TlsOptions& options);

// What a connection offers, before its handshake. `list` is a list in place of the configuration's own; "": it offers
// none; nullopt: it has none in place. Returns whether it offers Encrypted Client Hello. Errors: tls_handshake (it is
// required, and there is no list that can be used), out_of_memory.
Result<bool> offer_ech(SSL* ssl, const TlsOptions& options, const std::optional<std::string>& list);

// The list that a server which has refused the one offered names in its place, after it has proved that it has the
// public name's certificate (6.1.6): one that can be used, else "". May throw std::bad_alloc.
std::string ech_list_to_retry(const SSL* ssl);

}  // namespace sluice::tls
