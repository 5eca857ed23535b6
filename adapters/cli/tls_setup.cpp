// See tls_setup.hpp.
#include "adapters/cli/tls_setup.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/write_out.hpp"
#include "adapters/trust.hpp"
#include "core/base/base64.hpp"
#include "core/certificate.hpp"

namespace sluice::cli {
namespace {

std::expected<std::string, Failure> read_tls_file(const std::string& path, std::string_view what, int failure) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad() || text.empty()) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "it is empty";
    return std::unexpected(Failure{failure, "read the " + std::string(what) + " " + path + ": " + reason});
  }
  return text;
}

std::expected<std::string, Failure> trust_anchors(const TlsSettings& settings) {
  const auto read = [](Result<std::string> pem) -> std::expected<std::string, Failure> {
    if (!pem) return std::unexpected(Failure{kExitCaCertificates, pem.error().message()});
    return *std::move(pem);
  };
  const bool has_own = !settings.cacert.empty() || !settings.capath.empty();
  std::string all;
  if (!has_own || settings.ca_native) {
    auto pem = read(system_trust_pem());
    if (!pem || !has_own) return pem;
    all += *pem + "\n";
  }
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

Failure failure_of(const Error& error) { return {exit_code(error), error.message()}; }

// The certificate of the client and its key, as PEM.
std::expected<void, Failure> read_client_certificate(const TlsSettings& settings, TlsOptions& options) {
  options.private_key_password = settings.password;
  if (!settings.cert.empty()) {
    auto bytes = read_tls_file(settings.cert, "client certificate", kExitClientCertificate);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    switch (settings.cert_form) {
      case FileForm::pem:
        options.certificate_pem = *std::move(bytes);
        options.private_key_pem = options.certificate_pem;
        break;
      case FileForm::der:
        options.certificate_pem = certificate_pem(*bytes);
        break;
      case FileForm::pkcs12: {
        auto contents = read_pkcs12(*bytes, settings.password);
        if (!contents) return std::unexpected(failure_of(contents.error()));
        options.certificate_pem = std::move(contents->certificates_pem);
        options.private_key_pem = std::move(contents->private_key_pem);
        break;
      }
    }
  }
  if (settings.key.empty()) return {};
  auto bytes = read_tls_file(settings.key, "private key", kExitClientCertificate);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  if (settings.key_form == FileForm::pem) {
    options.private_key_pem = *std::move(bytes);
    return {};
  }
  Result<std::string> key;
  if (settings.key_form == FileForm::der) {
    key = private_key_pem(*bytes);
  } else if (auto contents = read_pkcs12(*bytes, settings.password)) {
    key = std::move(contents->private_key_pem);
  } else {
    key = std::unexpected(std::move(contents.error()));
  }
  if (!key) return std::unexpected(failure_of(key.error()));
  options.private_key_pem = *std::move(key);
  return {};
}

// "sha256//BASE64;sha256//BASE64", or the name of a file with the key.
std::expected<std::vector<std::string>, Failure> pinned_keys(const std::string& text) {
  constexpr std::string_view kPrefix = "sha256//";
  std::vector<std::string> hashes;
  if (!text.starts_with(kPrefix)) {
    auto bytes = read_tls_file(text, "pinned public key", kExitPinnedKey);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    auto hash = public_key_hash(*bytes);
    if (!hash) return std::unexpected(Failure{kExitPinnedKey, "pinned public key " + text + ": none in PEM or DER"});
    hashes.push_back(*std::move(hash));
    return hashes;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    auto hash = one.starts_with(kPrefix) ? from_base64(one.substr(kPrefix.size())) : std::nullopt;
    if (!hash || hash->size() != 32) {
      return std::unexpected(Failure{
          kExitPinnedKey, "pinned public key: expected sha256// and 32 bytes in base64, not '" + printable(one) + "'"});
    }
    hashes.push_back(*std::move(hash));
  }
  return hashes;
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
  if (auto done = read_client_certificate(settings, options); !done) return std::unexpected(done.error());
  if (!settings.pinned.empty()) {
    auto hashes = pinned_keys(settings.pinned);
    if (!hashes) return std::unexpected(hashes.error());
    options.pinned_public_keys = *std::move(hashes);
  }
  if (!settings.crlfile.empty()) {
    auto lists = read_tls_file(settings.crlfile, "revocation lists", kExitRevocationList);
    if (!lists) return std::unexpected(lists.error());
    options.revocation_lists_pem = *std::move(lists);
  }
  options.require_status = settings.cert_status;
  options.ciphers = settings.ciphers;
  options.tls13_ciphers = settings.tls13_ciphers;
  options.groups = settings.curves;
  options.signature_algorithms = settings.sigalgs;
  options.ech_config_list = settings.ech_list;
  options.ech = settings.ech;
  options.session_resumption = settings.resumption;
  options.early_data = settings.early_data;
  // Groups with the same TLS settings share a configuration, and so their connections.
  for (const auto& [other, made] : made_) {
    if (made && (*made)->options() == options) return made;
  }
  auto config = TlsConfig::create(std::move(options));
  if (!config) return std::unexpected(failure_of(config.error()));
  return *std::move(config);
}

}  // namespace sluice::cli
