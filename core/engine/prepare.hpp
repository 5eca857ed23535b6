// What is done to a request before its hop gets a place in a queue: checks, and the fields that its options ask for.
// Leaves to others: the queue (jobs.hpp), and the fields that the framing needs (core/http1).
#pragma once

#include <memory>

#include "core/flow/authentication.hpp"
#include "core/options.hpp"
#include "core/request.hpp"

namespace sluice::engine {

// All but connect_to. Errors: invalid_option.
Result<void> check_options(const TransferOptions& options);

// If connect_to is set: takes it out if it is the URL's own place, so that the transfer shares connections with others.
// Errors: invalid_option.
Result<void> prepare_connect_to(TransferOptions& options, const Url& url);

// For the application's own request, before prepare(), if TransferOptions::credentials is set: they become what
// authorize_first() makes of them, for the origin that EngineOptions::hsts makes of the URL's. Null: there is
// nothing to remember. Errors: invalid_request, invalid_option. Throws std::bad_alloc.
Result<std::unique_ptr<flow::HopCredentials>> prepare_credentials(Request& request, TransferOptions& options,
                                                                  const EngineOptions& defaults,
                                                                  flow::HopMemory& memory, Now now);

// Completes the request of any hop, makes it one for https where EngineOptions::hsts says so, and returns the TLS
// configuration for its URL; null: it needs none. Errors: invalid_request, tls_config. Throws std::bad_alloc.
Result<std::shared_ptr<const TlsConfig>> prepare(Request& request, const TransferOptions& options,
                                                 const EngineOptions& defaults, Now now);

}  // namespace sluice::engine
