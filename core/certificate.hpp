// Certificates as text: for TransferInfo::certificates. Leaves verifying them to the TLS layer.
#pragma once

#include <string>
#include <string_view>

#include "language.hpp"

namespace sluice {

// The certificate in PEM form (RFC 7468), with a line end after each line. `der` may be any bytes. Throws
// std::bad_alloc.
std::string certificate_pem(std::string_view der);

// What a certificate in DER says, as lines "Name:value" with the names that curl uses for %{certs}: Subject, Issuer,
// Version (a number that is one less than the version), Serial Number, Signature Algorithm, Public Key Algorithm, one
// line for each extension, Start date, Expire date, RSA Public Key, rsa(n), rsa(e) and Signature. Other bytes than
// visible ASCII are written as \xNN, and each value is cut at 64 KiB. It is only what the certificate claims. "": it
// cannot be read. Throws std::bad_alloc.
std::string certificate_text(std::string_view der);

}  // namespace sluice
