// TLS as a client, one connection: a layer between HTTP and the bytes below.
// Knows handshake, records, verification of the peer and resumption. Leaves to others: what is sent (HTTP), who keeps
// sessions (the engine's SessionCache) and when the stream ended (the engine asks stream_end()).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/layer.hpp"
#include "core/options.hpp"
#include "core/tls/peer_certificate.hpp"
#include "core/tls/session_cache.hpp"
#include "core/url.hpp"

namespace sluice::tls {

struct ClientParams {
  std::shared_ptr<const TlsConfig> config;
  std::string host;  // what the certificate must be for: a canonical name or address, without brackets and zone
  HostKind host_kind = HostKind::name;
  SessionCache* sessions = nullptr;  // null: no resumption. Must outlive the layer.
  std::string session_key;           // only sessions under the very same key are offered and stored
  std::vector<std::string>* key_log =
      nullptr;             // gets a line for each secret if the configuration says key_log; must outlive the layer
  std::uint16_t port = 0;  // for messages only; 0: not said
};

class ClientLayer : public Layer {
 public:
  virtual std::string_view version() const = 0;  // "TLSv1.3"; empty before the handshake is done, as the next two
  virtual std::string_view cipher() const = 0;   // the IANA name
  virtual std::string_view alpn() const = 0;     // the protocol the server chose; empty: none
  virtual bool resumed() const = 0;
  // Chain and name were checked and are good. Stays false with verify_peer off.
  virtual bool verified() const = 0;
  // Nothing before the peer sent one. True only as far as verified() is.
  virtual std::optional<PeerCertificate> peer_certificate() const = 0;
};

// Errors: out_of_memory (it may also throw std::bad_alloc); invalid_url for a host that cannot be a name or address of
// the kind said.
Result<std::unique_ptr<ClientLayer>> make_client(ClientParams params);

}  // namespace sluice::tls
