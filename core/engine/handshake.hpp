// The steps between an open transport and the first exchange: the layers' handshakes, then the session that ALPN chose.
// The same for a connection that was dialled (connector.hpp) and for a stream of the caller (connection_impl.hpp).
// Leaves to them: for which transfer it is done, and the time limit.
#pragma once

#include <string_view>

#include "core/http/session.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/tls/client.hpp"

namespace sluice::engine {

// Adds a TLS layer, before the channel is started. Errors: as tls::make_client. Throws std::bad_alloc.
Result<void> push_tls(pool::PooledConnection& connection, tls::ClientParams params);

// Call it after the last layer's handshake: makes the session, so that the connection can carry exchanges. Errors:
// http2_error (ALPN has not chosen HTTP/2, and it must). Throws std::bad_alloc. After both the connection cannot be
// used.
Result<void> complete(pool::PooledConnection& connection, http::SessionFactory& sessions, http::Protocol protocol,
                      Now now);

// What TLS to the origin offers for it by ALPN.
tls::Http2Offer offer_for(http::Protocol protocol);

// The error of a handshake that failed. May throw std::bad_alloc.
Error cut_off(const pool::PooledConnection& connection, std::string_view why);  // because the stream ended
Error broken_off(const pool::PooledConnection& connection, Error error);        // because of an error of the stream

}  // namespace sluice::engine
