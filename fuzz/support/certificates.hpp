// What every target with TLS needs: an authority, servers with its certificates, and clients that trust it. Made once
// in a process. Their keys are random, so an input names positions in their output, not bytes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sim/tls_authority.hpp"
#include "adapters/sim/tls_server.hpp"
#include "core/options.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {

inline constexpr UnixSeconds kNoon = 1'750'000'000;  // the current time in the targets
inline constexpr UnixSeconds kDay = 86'400;

inline const sim::TlsAuthority& authority() {
  static const sim::TlsAuthority one =
      sim::TlsAuthority::make_root("Fuzz Root", kNoon - 100 * kDay, kNoon + 1000 * kDay);
  return one;
}

inline sim::CertificateAndKey issue(std::vector<std::string> dns, std::vector<std::string> ip = {}) {
  return authority().issue({"leaf", std::move(dns), std::move(ip), kNoon - 10 * kDay, kNoon + 90 * kDay, false, false});
}

inline sim::TlsServerContext make_server_context(TlsVersion newest, bool tickets = true) {
  static const sim::CertificateAndKey made = issue({"example.org"});
  sim::TlsServerOptions options;
  options.certificate_pem = made.certificate_pem;
  options.key_pem = made.key_pem;
  options.max_version = newest;
  options.tickets = tickets;
  options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";  // for TLS 1.2: the same on every machine
  auto context = sim::TlsServerContext::create(options);
  FUZZ_CHECK(context.has_value());
  return std::move(*context);
}

inline std::shared_ptr<const TlsConfig> trusting_config() {
  static const std::shared_ptr<const TlsConfig> config = [] {
    TlsOptions options;
    options.trust_anchors_pem = authority().certificate_pem();
    auto made = TlsConfig::create(options);
    FUZZ_CHECK(made.has_value());
    return *made;
  }();
  return config;
}

}  // namespace sluice::fuzz
