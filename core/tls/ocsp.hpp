// Checks a stapled OCSP response (RFC 6960): whether the issuer of a certificate, or a responder that it has
// authorised, says that the certificate is not revoked. Leaves getting it to the handshake.
#pragma once

#include <openssl/x509.h>

#include <expected>
#include <string>

#include "core/types.hpp"

namespace sluice::tls {

// `response`: an OCSPResponse in DER. `issuer`: the certificate that has issued `leaf`. Returns until when the response
// is good; or why it does not show at the time `wall` that `leaf` is good, as the end of a sentence that begins with
// "the stapled OCSP response". Clocks may differ by five minutes. A response that says nothing of newer ones is good
// for ten days. Signatures and keys must be as strong as those of chains (chain_policy.hpp). May throw std::bad_alloc.
std::expected<UnixSeconds, std::string> check_status(Bytes response, const X509& leaf, const X509& issuer,
                                                     UnixSeconds wall);

}  // namespace sluice::tls
