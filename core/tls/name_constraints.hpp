// Name constraints of a chain (RFC 5280 4.2.1.10), checked beside BoringSSL, which obeys all but two things: it knows
// no iPAddress, and does not see that a wildcard under an excluded name stands for names that are excluded (SB-84).
#pragma once

#include <openssl/x509.h>

#include <optional>

#include "core/tls/chain_policy.hpp"

namespace sluice::tls {

// `chain`: verified but for X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, the server's certificate first, the trust anchor
// last. Looks at each certificate and every constraint above it once more, whole: BoringSSL stops at the first name
// that it cannot judge. The fault is at the certificate whose name breaks a constraint.
std::optional<ChainFault> broken_constraint(const STACK_OF(X509) & chain);

}  // namespace sluice::tls
