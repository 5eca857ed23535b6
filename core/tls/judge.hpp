// Decides about the peer of a handshake: all that TlsOptions say of its certificate and of what was agreed on. The
// chain (verify.hpp), the application's TlsVerifier, the ciphers of TLS 1.3, pinned keys, the stapled status
// (ocsp.hpp). Leaves the handshake to client.cpp.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/tls/config.hpp"
#include "core/tls/verify.hpp"

namespace sluice::tls {

struct Judgement {
  bool accepted = false;
  bool verified = false;  // the chain and the name were checked and are valid
  // If accepted: until when a session that was made now can be accepted again without another look at the peer.
  UnixSeconds good_until = std::numeric_limits<UnixSeconds>::max();
  // If not accepted: the error's code, number and text, and the alert to send (RFC 8446 6.2).
  Code code = Code::tls_certificate;
  int detail = 0;
  std::string reason;
  std::uint8_t alert = SSL_AD_BAD_CERTIFICATE;
  bool out_of_memory = false;  // it was refused because memory ran out, whatever `reason` says
};

// Called in the handshake, when the peer has shown its certificate, and when a session is resumed, which has it. May
// throw what a TlsVerifier throws, and std::bad_alloc.
Judgement judge_peer(const Config& config, const SSL* ssl, const ReferenceId& peer, std::uint16_t port,
                     UnixSeconds wall);

// Later, about a peer that was accepted and verified: whether it would also be for this host. Only what is verified
// proves anything. A shortage of memory, and a verifier that throws, are no proof.
bool proves_host(const Config& config, const SSL* ssl, const std::string& host, HostKind kind, std::uint16_t port,
                 UnixSeconds wall);

// In its place if the peer has refused Encrypted Client Hello: whether it has the certificate of the public name, so
// that what it says of its keys counts (RFC 9849 6.1.7). The connection itself is never accepted. False without
// TlsOptions::verify_peer. May throw as above.
bool proves_public_name(const Config& config, const SSL* ssl, std::uint16_t port, UnixSeconds wall);
// The error of such a connection.
Judgement ech_refused();

}  // namespace sluice::tls
