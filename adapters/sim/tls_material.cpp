// See tls_material.hpp.
#include "adapters/sim/tls_material.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "adapters/sim/tls_authority.hpp"
#include "core/address.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

// Of every certificate, so that any wall clock of a world is inside: 1970 to 2049, one form of dates (RFC
// 5280 4.1.2.5).
constexpr UnixSeconds kNotBefore = 0;
constexpr UnixSeconds kNotAfter = 2'500'000'000;
constexpr UnixSeconds kExpired = 1'000'000'000;  // except for Certificate::expired
constexpr const char* kAuthority = "the simulated authority";

// What all worlds of a process share.
class Shared {
 public:
  static Shared& instance() {
    static Shared shared;
    return shared;
  }

  const std::string& anchor() const { return authority_.certificate_pem(); }

  CertificateAndKey certificate(const std::vector<std::string>& hosts, Certificate kind) {
    const std::lock_guard lock(mutex_);
    auto [found, fresh] = certificates_.try_emplace({hosts, kind});
    if (fresh) {
      CertificateSpec spec;
      spec.common_name = "a simulated origin";
      spec.not_before = kNotBefore;
      spec.not_after = kind == Certificate::expired ? kExpired : kNotAfter;
      spec.key_pem = key_pem_;
      for (const std::string& host : hosts) {
        if (kind == Certificate::wrong_name) {
          spec.dns.push_back("not-" + host);
        } else if (const auto address = IpAddress::parse(host)) {
          const std::size_t bytes = address->kind == IpAddress::Kind::ipv4 ? 4 : 16;
          spec.ip.emplace_back(as_text(Bytes(address->bytes).first(bytes)));
        } else {
          spec.dns.push_back(host);
        }
      }
      found->second = (kind == Certificate::untrusted ? stranger() : authority_).issue(spec);
      key_pem_ = found->second.key_pem;
    }
    return found->second;
  }

 private:
  Shared() : authority_(TlsAuthority::make_root(kAuthority, kNotBefore, kNotAfter)) {}
  const TlsAuthority& stranger() {
    if (!stranger_) stranger_ = TlsAuthority::make_root(kAuthority, kNotBefore, kNotAfter);
    return *stranger_;
  }

  std::mutex mutex_;
  TlsAuthority authority_;
  std::optional<TlsAuthority> stranger_;  // an authority that no client trusts
  std::map<std::pair<std::vector<std::string>, Certificate>, CertificateAndKey> certificates_;
  std::string key_pem_;  // the key of all origins
};

}  // namespace

std::shared_ptr<const TlsConfig> TlsMaterial::config() {
  if (!config_) config_ = make_config({});
  return config_;
}

std::shared_ptr<const TlsConfig> TlsMaterial::make_config(TlsOptions options) {
  options.trust_anchors_pem = Shared::instance().anchor();
  auto made = TlsConfig::create(std::move(options));
  SLUICE_CHECK(made.has_value());
  return std::move(*made);
}

std::shared_ptr<const TlsServerContext> TlsMaterial::server(const OriginSpec& origin, bool http2) {
  std::vector<std::string> hosts = {origin.host}, apart;
  for (const OtherHost& other : origin.others) (other.is_apart ? apart : hosts).push_back(other.host);
  std::shared_ptr<const TlsServerContext>& server =
      servers_[{hosts, apart, origin.certificate, origin.newest_tls, origin.early_data, http2}];
  if (server) return server;
  const auto make = [&](const std::vector<std::string>& names) {
    CertificateAndKey identity = Shared::instance().certificate(names, origin.certificate);
    TlsServerOptions options;
    options.certificate_pem = std::move(identity.certificate_pem);
    options.key_pem = std::move(identity.key_pem);
    options.max_version = origin.newest_tls;
    options.early_data = origin.early_data;
    if (http2) options.alpn = {"h2", "http/1.1"};
    auto made = TlsServerContext::create(options);
    SLUICE_CHECK(made.has_value());
    return std::move(*made);
  };
  TlsServerContext made = make(hosts);
  for (const std::string& host : apart) made.add_host(host, make({host}));
  server = std::make_shared<const TlsServerContext>(std::move(made));
  return server;
}

}  // namespace sluice::sim
