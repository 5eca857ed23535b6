// See tls_material.hpp.
#include "adapters/sim/tls_material.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "adapters/sim/tls_authority.hpp"
#include "core/address.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

// Of every certificate, so that any wall clock of a world is inside: 1970 to 2049, one form of dates (RFC 5280 4.1.2.5).
constexpr UnixSeconds kNotBefore = 0;
constexpr UnixSeconds kNotAfter = 2'500'000'000;

// What the worlds of a process share.
class Shared {
 public:
  static Shared& instance() {
    static Shared shared;
    return shared;
  }

  const std::string& anchor() const { return authority_.certificate_pem(); }

  CertificateAndKey certificate(const std::string& host) {
    const std::lock_guard lock(mutex_);
    auto [found, fresh] = certificates_.try_emplace(host);
    if (fresh) {
      CertificateSpec spec;
      spec.common_name = "a simulated origin";
      spec.not_before = kNotBefore;
      spec.not_after = kNotAfter;
      spec.key = KeyKind::rsa_2048;
      spec.key_pem = key_pem_;
      if (const auto address = IpAddress::parse(host)) {
        spec.ip = {std::string(as_text(Bytes(address->bytes).first(address->kind == IpAddress::Kind::ipv4 ? 4 : 16)))};
      } else {
        spec.dns = {host};
      }
      found->second = authority_.issue(spec);
      key_pem_ = found->second.key_pem;
    }
    return found->second;
  }

 private:
  Shared() : authority_(TlsAuthority::make_root("the simulated authority", kNotBefore, kNotAfter, KeyKind::rsa_2048)) {}

  std::mutex mutex_;
  TlsAuthority authority_;
  std::map<std::string, CertificateAndKey> certificates_;
  std::string key_pem_;  // of all of them
};

}  // namespace

std::shared_ptr<const TlsConfig> TlsMaterial::config() {
  if (!config_) {
    TlsOptions options;
    options.trust_anchors_pem = Shared::instance().anchor();
    auto made = TlsConfig::create(std::move(options));
    SLUICE_CHECK(made.has_value());
    config_ = std::move(*made);
  }
  return config_;
}

std::shared_ptr<const TlsServerContext> TlsMaterial::server(const std::string& host) {
  std::shared_ptr<const TlsServerContext>& server = servers_[host];
  if (server) return server;
  CertificateAndKey identity = Shared::instance().certificate(host);
  TlsServerOptions options;
  options.certificate_pem = std::move(identity.certificate_pem);
  options.key_pem = std::move(identity.key_pem);
  auto made = TlsServerContext::create(options);
  SLUICE_CHECK(made.has_value());
  server = std::make_shared<const TlsServerContext>(std::move(*made));
  return server;
}

}  // namespace sluice::sim
