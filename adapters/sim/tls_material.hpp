// What a simulated world needs for TLS: an authority, certificates for its origins, and a Peer that puts TLS under
// another. The authority, one key for all origins and their certificates are made once a process, for RSA keys take a
// tenth of a second each: that is the one thing here that worlds share, behind a lock. Handshakes draw from BoringSSL's
// own randomness, so only their sizes are the same from run to run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "adapters/sim.hpp"
#include "adapters/sim/tls_server.hpp"
#include "adapters/sim_origin.hpp"
#include "core/options.hpp"

namespace sluice::sim {

class TlsMaterial {
 public:
  // Trusts the authority. Stops the process if BoringSSL cannot make keys.
  std::shared_ptr<const TlsConfig> config();
  // A server that is `host` or says so, with session tickets; connections of one origin share it.
  std::shared_ptr<const TlsServerContext> server(const std::string& host, Certificate certificate, TlsVersion newest);

 private:
  std::map<std::tuple<std::string, Certificate, TlsVersion>, std::shared_ptr<const TlsServerContext>> servers_;
  std::shared_ptr<const TlsConfig> config_;
};

// `inner` speaks plain bytes; what it says and hears goes through TLS. Its on_open comes when the handshake is done.
std::unique_ptr<Peer> over_tls(std::unique_ptr<Peer> inner, std::shared_ptr<const TlsServerContext> context);

}  // namespace sluice::sim
