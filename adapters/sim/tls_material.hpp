// What a simulated world needs for TLS: an authority, certificates for its origins, and a Peer that adds TLS below
// another Peer. The authority, one key for all origins and their certificates are made once in a process, because an
// RSA key takes about 100 ms; only these are shared by worlds, protected by a lock. Handshakes use BoringSSL's random
// numbers, so only their sizes are the same in every run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "adapters/sim.hpp"
#include "adapters/sim/tls_server.hpp"
#include "adapters/sim_origin.hpp"
#include "core/options.hpp"

namespace sluice::sim {

class TlsMaterial {
 public:
  // A client configuration that trusts the authority. Stops the process if BoringSSL cannot make keys.
  std::shared_ptr<const TlsConfig> config();
  static std::shared_ptr<const TlsConfig> make_config(TlsOptions options);
  // The server of an origin, with session tickets, which all of its connections share. `http2`: ALPN prefers h2.
  std::shared_ptr<const TlsServerContext> server(const OriginSpec& origin, bool http2);

 private:
  // What it has to be the same in: the hosts of its certificate first, then those with their own.
  using Key = std::tuple<std::vector<std::string>, std::vector<std::string>, Certificate, TlsVersion, bool, bool>;
  std::map<Key, std::shared_ptr<const TlsServerContext>> servers_;
  std::shared_ptr<const TlsConfig> config_;
};

// A Peer that adds TLS below `inner`, which handles plain bytes. inner->on_open() is called when the handshake is
// complete. `refuses_early_data`: how often it does.
std::unique_ptr<Peer> over_tls(std::unique_ptr<Peer> inner, std::shared_ptr<const TlsServerContext> context,
                               PerMille refuses_early_data = 0);

}  // namespace sluice::sim
