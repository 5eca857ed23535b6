// Certificates and keys in other forms: as text (TransferInfo::certificates), as the PEM that TlsOptions takes, as the
// hashes of its pinned_public_keys. Leaves verifying to the TLS layer, and files to the caller. All throw
// std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

#include "error.hpp"
#include "language.hpp"

namespace sluice {

// The certificate in PEM form (RFC 7468), with a line end after each line. `der` may be any bytes.
std::string certificate_pem(std::string_view der);

// What a certificate in DER says, as lines "Name:value" with the names that curl uses for %{certs}: Subject, Issuer,
// Version (a number that is one less than the version), Serial Number, Signature Algorithm, Public Key Algorithm, one
// line for each extension, Start date, Expire date, RSA Public Key, rsa(n), rsa(e) and Signature. Other bytes than
// visible ASCII are written as \xNN, and each value is cut at 64 KiB. It is only what the certificate claims. "": it
// cannot be read.
std::string certificate_text(std::string_view der);

// A private key in DER, in PEM form: PKCS #8 (RFC 5958), encrypted or not, or the older forms of RSA (RFC 8017 A.1.2)
// and of curves (RFC 5915). The key is not checked. Error: tls_config ("private key: ...").
Result<std::string> private_key_pem(std::string_view der);

// The contents of a PKCS #12 file (RFC 7292).
struct Pkcs12Contents {
  std::string certificates_pem = {};  // that of the key first, then the others
  std::string private_key_pem = {};   // PKCS #8, not encrypted
};
// `password`: what protects both, as text in UTF-8 without NUL. Errors: tls_config ("client certificate: ...":
// malformed, a wrong password, an encryption that is not supported, no key, or no certificate of it), out_of_memory.
Result<Pkcs12Contents> read_pkcs12(std::string_view bytes, std::string_view password);

// The SHA-256 of a public key (SubjectPublicKeyInfo, RFC 7469 2.4), 32 bytes, of a file with the key in PEM ("PUBLIC
// KEY") or in DER. Error: tls_config ("public key: ...").
Result<std::string> public_key_hash(std::string_view pem_or_der);

}  // namespace sluice
