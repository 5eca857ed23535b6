// What comes between a connected transport and the first exchange on it: the layers' handshakes, then the session that
// ALPN asks for. The same for a connection that was dialled (connector.hpp) and for a stream that was there
// (connection_impl.hpp). Leaves to them whom it is done for, and how long it may take.
#pragma once

#include <string_view>

#include "core/http/session.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/tls/client.hpp"

namespace sluice::engine {

// TLS, before the channel is started. Errors: as tls::make_client.
Result<void> push_tls(pool::PooledConnection& connection, tls::ClientParams params);

// After the last layer's handshake: makes the session, and the connection can carry exchanges. std::bad_alloc: it
// cannot be used.
void complete(pool::PooledConnection& connection, http::SessionFactory& sessions, Now now);

// How a handshake has failed. May throw std::bad_alloc.
Error cut_off(const pool::PooledConnection& connection, std::string_view why);  // by the end of the stream
Error broken_off(const pool::PooledConnection& connection, Error error);        // by an error of the stream

}  // namespace sluice::engine
