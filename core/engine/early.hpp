// Which request may be sent as early data of TLS (RFC 8470), and its bytes. Leaves sending them to core/tls, and what
// follows when the connection is made to connector.hpp and carrier.hpp.
#pragma once

#include <memory>

#include "core/engine/jobs.hpp"
#include "core/http/session.hpp"
#include "core/options.hpp"
#include "core/pool/dialer.hpp"
#include "core/pool/endpoint.hpp"

namespace sluice::engine {

// Null: the request of this transfer must not be sent early. Throws std::bad_alloc.
std::shared_ptr<pool::EarlyRequest> early_request(const Job& job, const pool::Endpoint& endpoint,
                                                  http::SessionFactory& sessions, Now now);

// Its response came before the peer could know that the request is no replay (RFC 8470 5.2).
bool is_too_early(const Job& job);

}  // namespace sluice::engine
