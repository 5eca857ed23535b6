// A client's signature by an object of the application (TlsSigner), for BoringSSL. Leaves the handshake to client.cpp.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "core/error.hpp"
#include "core/tls_hooks.hpp"

namespace sluice::tls {

// Makes `context` show `chain` (the client's certificate first) and sign by `signer`, with the schemes that it offers.
// Errors: tls_config ("client certificate: ..."), out_of_memory.
Result<void> use_signer(SSL_CTX* context, std::span<CRYPTO_BUFFER* const> chain, const TlsSigner& signer);

// Asks `signer` and writes the signature. Returns "", or why there is none. Throws nothing but std::bad_alloc.
std::string sign_with(const TlsSigner& signer, std::uint16_t scheme, Bytes input, MutableBytes out, std::size_t& size);

// Called by BoringSSL; defined in client.cpp, which calls sign_with().
ssl_private_key_result_t on_sign(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t max_out,
                                 std::uint16_t scheme, const std::uint8_t* in, std::size_t in_size);

}  // namespace sluice::tls
