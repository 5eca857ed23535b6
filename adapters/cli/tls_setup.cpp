// See tls_setup.hpp.
#include "adapters/cli/tls_setup.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/write_out.hpp"
#include "adapters/trust.hpp"

namespace sluice::cli {
namespace {

std::expected<std::string, Failure> read_certificate(const std::string& path, std::string_view what) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad() || text.empty()) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "it is empty";
    return std::unexpected(
        Failure{kExitClientCertificate, "read the " + std::string(what) + " " + path + ": " + reason});
  }
  return text;
}

std::expected<std::string, Failure> trust_anchors(const TlsSettings& settings) {
  const auto read = [](Result<std::string> pem) -> std::expected<std::string, Failure> {
    if (!pem) return std::unexpected(Failure{kExitCaCertificates, pem.error().message()});
    return *std::move(pem);
  };
  if (settings.cacert.empty() && settings.capath.empty()) return read(system_trust_pem());
  std::string all;
  if (!settings.cacert.empty()) {
    auto pem = read(trust_pem_from_file(settings.cacert));
    if (!pem) return pem;
    all += *pem + "\n";
  }
  if (!settings.capath.empty()) {
    auto pem = read(trust_pem_from_directory(settings.capath));
    if (!pem) return pem;
    all += *pem;
  }
  return all;
}

}  // namespace

TlsConfigs::Made TlsConfigs::for_origin(const Settings& settings) {
  return once(settings.tls,
              write_out_names(settings.write_out, "certs") || write_out_names(settings.write_out, "num_certs"));
}

TlsConfigs::Made TlsConfigs::for_proxy(const Settings& settings) { return once(settings.proxies.tls, false); }

TlsConfigs::Made TlsConfigs::once(const TlsSettings& settings, bool keep_certificates) {
  if (const auto found = made_.find(&settings); found != made_.end()) return found->second;
  return made_.emplace(&settings, make(settings, keep_certificates)).first->second;
}

TlsConfigs::Made TlsConfigs::make(const TlsSettings& settings, bool keep_certificates) {
  TlsOptions options;
  options.verify_peer = !settings.insecure;
  options.min_version = settings.min;
  options.max_version = settings.max;
  options.key_log = key_log_;
  options.keep_certificates = keep_certificates;
  if (options.verify_peer) {
    auto anchors = trust_anchors(settings);
    if (!anchors) return std::unexpected(anchors.error());
    options.trust_anchors_pem = *std::move(anchors);
  }
  if (!settings.cert.empty()) {
    auto certificate = read_certificate(settings.cert, "client certificate");
    if (!certificate) return std::unexpected(certificate.error());
    options.certificate_pem = *std::move(certificate);
    options.private_key_pem = options.certificate_pem;
    options.private_key_password = settings.cert_password;
  }
  if (!settings.key.empty()) {
    auto key = read_certificate(settings.key, "private key");
    if (!key) return std::unexpected(key.error());
    options.private_key_pem = *std::move(key);
  }
  // Groups with the same TLS settings share a configuration, and so their connections.
  for (const auto& [other, made] : made_) {
    if (made && (*made)->options() == options) return made;
  }
  const bool own_certificate = !options.certificate_pem.empty() || !options.private_key_pem.empty();
  const bool own_anchors = !settings.cacert.empty() || !settings.capath.empty();
  auto config = TlsConfig::create(std::move(options));
  if (!config) {
    const bool of_anchors = own_anchors && config.error().context.starts_with("trust anchors");
    const int code = of_anchors        ? kExitCaCertificates
                     : own_certificate ? kExitClientCertificate
                     : own_anchors     ? kExitCaCertificates
                                       : exit_code(config.error());
    return std::unexpected(Failure{code, config.error().message()});
  }
  return *std::move(config);
}

}  // namespace sluice::cli
