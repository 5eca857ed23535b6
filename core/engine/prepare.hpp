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

struct Prepared {
  std::shared_ptr<const TlsConfig> tls = {};        // null: the URL needs none
  std::unique_ptr<rules::DigestState> digest = {};  // what the Authorization field was made of, if it is Digest
};

// Both complete the request, and make it one for https where TransferOptions::hsts says so. Errors: invalid_request,
// tls_config; prepare_first also invalid_option. Throw std::bad_alloc.
//
// For the application's own request. A connect_to that changes nothing is taken out of the options, so that such a
// transfer shares connections with others; credentials and netrc become what authorize_first() makes of them.
Result<Prepared> prepare_first(Request& request, TransferOptions& options, const EngineOptions& defaults,
                               flow::HopMemory& memory, Now now);
// For a request that a rule has made. Returns the TLS configuration.
Result<std::shared_ptr<const TlsConfig>> prepare_next(Request& request, const TransferOptions& options,
                                                      const EngineOptions& defaults, Now now);

}  // namespace sluice::engine
