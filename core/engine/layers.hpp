// The layers of a connection: the handshakes with the proxies on its way, TLS with an https proxy, the line of the
// PROXY protocol, and TLS with the origin. Leaves to others: running them (core/channel), and which way a connection
// takes (core/proxy/way.hpp).
#pragma once

#include <string>
#include <vector>

#include "core/flow/hop_rule.hpp"
#include "core/options.hpp"
#include "core/pool/dialer.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/proxy/connect.hpp"
#include "core/tls/session_cache.hpp"

namespace sluice::engine {

// All must outlive the layers.
struct LayerParts {
  const EngineOptions& options;
  flow::HopMemory& memory;
  tls::SessionCache& tls_sessions;
  std::vector<std::string>& key_log;
  std::vector<proxy::SeenHead>* seen_heads;  // as ConnectParams::seen
};

// Before the channel is started. The dial says with which addresses, keys and early data. Errors: as tls::make_client
// and proxy::make_socks. Throws std::bad_alloc.
Result<void> push_layers(pool::PooledConnection& connection, const pool::Endpoint& endpoint, const pool::Dial& dial,
                         const LayerParts& parts);

// A handshake has failed, perhaps because of the TLS sessions that it offered: the next one offers none.
void forget_sessions(const pool::Endpoint& endpoint, const LayerParts& parts) noexcept;

}  // namespace sluice::engine
