// Reads what sluice needs out of a certificate: names, validity, a line for a person.
// Knows nothing of trust; that is verify.hpp's.
#pragma once

#include <openssl/x509.h>

#include <expected>
#include <string>
#include <vector>

#include "core/tls/peer_certificate.hpp"

namespace sluice::tls {

struct SubjectAltNames {
  std::vector<std::string> dns;  // as found, any bytes
  std::vector<std::string> ip;   // octets
};

// An extension that is absent gives no names; one that cannot be read, stands there twice, or holds a name with a NUL
// byte (SB-09) gives the reason instead.
std::expected<SubjectAltNames, std::string> subject_alt_names(const X509& certificate);

std::string subject_text(const X509& certificate);
UnixSeconds unix_time(const ASN1_TIME& time);
// "2024-02-29 12:00:00 UTC"
std::string utc_text(UnixSeconds time);
// Names as text, addresses in their usual form, everything unprintable escaped.
std::vector<std::string> printable_names(const SubjectAltNames& names);

PeerCertificate summarise(const X509& certificate);

}  // namespace sluice::tls
