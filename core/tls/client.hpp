// TLS as a client on one connection: a layer between HTTP and the stream below.
// Knows the handshake, records, verification of the peer and resumption. Leaves to others: what is sent (HTTP), the
// storage of sessions (SessionCache), and what the end of the stream means for HTTP (the engine asks stream_end()).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/layer.hpp"
#include "core/options.hpp"
#include "core/tls/alpn.hpp"
#include "core/tls/early_data.hpp"
#include "core/tls/peer_certificate.hpp"
#include "core/tls/session_cache.hpp"
#include "core/url.hpp"

namespace sluice::tls {

// Whether a connection with these options wants keys for Encrypted Client Hello from an HTTPS record.
inline bool wants_ech_keys(const TlsOptions& options) {
  const bool wants = options.ech == EncryptedHello::if_known || options.ech == EncryptedHello::required;
  return wants && options.ech_config_list.empty();
}

struct ClientParams {
  std::shared_ptr<const TlsConfig> config;
  std::string host;  // for SNI and the certificate check: a canonical name or address, without brackets and zone
  HostKind host_kind = HostKind::name;
  SessionCache* sessions = nullptr;  // null: no resumption; must outlive the layer
  std::string session_key;           // sessions are offered and stored under this key only
  bool key_is_portable = true;       // false: it names an object of this process
  std::vector<std::string>* key_log =
      nullptr;  // gets a line for each secret if TlsOptions::key_log is set; null: none. Must outlive the layer.
  Http2Offer http2 = Http2Offer::as_configured;
  // In place of TlsOptions::ech_config_list: an ECHConfigList; "": none. nullopt: nothing is in its place.
  std::optional<std::string> ech_list = {};
  std::shared_ptr<EarlyData> early = nullptr;  // null: nothing is sent before the handshake is complete
  std::uint16_t port = 0;                      // for messages and TlsPeer; 0: left out
  // The peer: the origin, directly or in a proxy's tunnel, or a proxy, which messages then say. What is known of TLS
  // with a proxy is in StreamFacts::proxies.
  enum class Place : std::uint8_t { to_origin, in_tunnel, to_proxy, to_forwarder } place = Place::to_origin;
  bool is_proxy() const { return place >= Place::to_proxy; }
  std::string_view task() const {
    if (is_proxy()) return "TLS handshake of the proxy";
    return place == Place::in_tunnel ? "TLS handshake in the tunnel" : "TLS handshake";
  }
};

class ClientLayer : public Layer {
 public:
  // "TLSv1.3"; this and the next three are "" before the handshake is complete.
  virtual std::string_view version() const = 0;
  virtual std::string_view cipher() const = 0;  // the IANA name of the cipher suite
  virtual std::string_view group() const = 0;   // of the key exchange: "X25519"; "": none (RSA, a session of TLS 1.2)
  virtual std::string_view alpn() const = 0;    // the protocol that the server chose; "": none
  virtual bool resumed() const = 0;
  // The certificate chain and the name were checked and are valid. Always false without TlsOptions::verify_peer.
  virtual bool verified() const = 0;
  // nullopt before the handshake is complete. Only what the peer claims, unless verified().
  virtual std::optional<PeerCertificate> peer_certificate() const = 0;
};

// Makes the layer. Errors: out_of_memory (it may also throw std::bad_alloc); invalid_url (`host` is not a valid name or
// address of `host_kind`); tls_handshake (EncryptedHello::required, and there are no keys).
Result<std::unique_ptr<ClientLayer>> make_client(ClientParams params);

}  // namespace sluice::tls
