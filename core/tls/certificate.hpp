// Reads from a certificate what sluice needs: names, validity, and text for messages.
// Leaves trust to verify.hpp. All functions may throw std::bad_alloc.
#pragma once

#include <openssl/pool.h>
#include <openssl/x509.h>

#include <expected>
#include <string>
#include <vector>

#include "core/tls/peer_certificate.hpp"

namespace sluice::tls {

// The names of a subjectAltName extension (RFC 5280 4.2.1.6).
struct SubjectAltNames {
  std::vector<std::string> dns;  // as found; may hold any bytes
  std::vector<std::string> ip;   // the bytes of each address
};

// If the extension is absent: no names. If it cannot be read, occurs twice, or holds a name with a NUL byte (SB-09): an
// error, as the end of a sentence that begins with the certificate.
std::expected<SubjectAltNames, std::string> subject_alt_names(const X509& certificate);

// The subject in RFC 2253 form, escaped and at most 256 bytes long; and a time in seconds since 1970, 0 if it is
// unreadable.
std::string subject_text(const X509& certificate);
UnixSeconds unix_time(const ASN1_TIME& time);
// "2024-02-29 12:00:00 UTC"
std::string utc_text(UnixSeconds time);
// The names as text: addresses in their usual form, other bytes than visible ASCII escaped.
std::vector<std::string> printable_names(const SubjectAltNames& names);

PeerCertificate summarise(const X509& certificate);

// The bytes of each certificate; null: none.
std::vector<std::string> in_der(const STACK_OF(CRYPTO_BUFFER) * certificates);

}  // namespace sluice::tls
