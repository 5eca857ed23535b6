// Checks the name constraints of a chain (RFC 5280 4.2.1.10) in addition to BoringSSL, which does not know constraints
// on iPAddress, and does not see that a wildcard may stand for an excluded name (SB-84). Leaves the rest of the
// verification to verify.hpp.
#pragma once

#include <openssl/x509.h>

#include <optional>

#include "core/tls/chain_policy.hpp"

namespace sluice::tls {

// The certificate whose name violates a constraint; nullopt: none. `chain` is verified already, except that
// X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE was ignored; the server's certificate is first, the trust anchor last. All
// constraints are checked again, because BoringSSL stops at the first name that it cannot check.
std::optional<ChainFault> broken_constraint(const STACK_OF(X509) & chain);

}  // namespace sluice::tls
