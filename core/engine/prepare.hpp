// What is done to a request before its hop gets a place in a queue: checks, and the fields that its options ask for.
// Leaves to others: the queue (jobs.hpp), and the fields that the framing needs (core/http1).
#pragma once

#include <memory>

#include "core/flow/hop_rule.hpp"
#include "core/options.hpp"
#include "core/request.hpp"

namespace sluice::engine {

// Errors: invalid_option.
Result<void> check_options(const TransferOptions& options);

// Both complete the request, make it one for https where EngineOptions::hsts says so, and return the TLS configuration
// for its URL; null: it needs none. Errors: invalid_request, tls_config; prepare_first also invalid_option. Throw
// std::bad_alloc.
//
// For the application's own request. A connect_to that changes nothing is taken out of the options, so that such a
// transfer shares connections with others; credentials become what authorize_first() makes of them. `digest` is set to
// what the Authorization field was made of, if it is Digest.
Result<std::shared_ptr<const TlsConfig>> prepare_first(Request& request, TransferOptions& options,
                                                       const EngineOptions& defaults, flow::HopMemory& memory,
                                                       std::unique_ptr<rules::DigestState>& digest, Now now);
// For a request that a rule has made.
Result<std::shared_ptr<const TlsConfig>> prepare_next(Request& request, const TransferOptions& options,
                                                      const EngineOptions& defaults, Now now);

}  // namespace sluice::engine
