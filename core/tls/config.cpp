// See config.hpp.
#include "core/tls/config.hpp"

#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <string_view>
#include <utility>

#include "core/base/memory.hpp"
#include "core/tls/algorithms.hpp"
#include "core/tls/ech.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/pem.hpp"
#include "core/tls/signing.hpp"
#include "core/tls/verify.hpp"

namespace sluice {
namespace {

// Gives values to SHA-256, each with its length before it, so that different lists of values are different inputs.
class IdentityWriter {
 public:
  IdentityWriter() { SHA256_Init(&state_); }
  void add(std::string_view text) {
    add_number(text.size());
    SHA256_Update(&state_, text.data(), text.size());
  }
  void add_number(std::uint64_t value) {
    std::uint8_t bytes[8];
    for (std::uint8_t& byte : bytes) {
      byte = static_cast<std::uint8_t>(value);
      value >>= 8;
    }
    SHA256_Update(&state_, bytes, sizeof bytes);
  }
  TlsConfig::Identity finish() {
    TlsConfig::Identity identity;
    SHA256_Final(identity.data(), &state_);
    return identity;
  }

 private:
  SHA256_CTX state_;
};

// Names every member, so that a new option that is missing here does not compile (SB-05).
TlsConfig::Identity identity_of(const TlsOptions& options) {
  const auto& [trust_anchors_pem, verify_peer, certificate_pem, private_key_pem, private_key_password, min_version,
               max_version, alpn, session_resumption, renegotiation, key_log, keep_certificates, pinned_public_keys,
               ciphers, tls13_ciphers, groups, signature_algorithms, revocation_lists_pem, require_status, signer,
               verifier, ech_config_list, ech, early_data] = options;
  IdentityWriter writer;
  writer.add(trust_anchors_pem);
  writer.add_number(verify_peer);
  writer.add(certificate_pem);
  writer.add(private_key_pem);
  writer.add(private_key_password);
  writer.add_number(static_cast<std::uint64_t>(min_version));
  writer.add_number(static_cast<std::uint64_t>(max_version));
  writer.add_number(alpn.size());
  for (const std::string& protocol : alpn) writer.add(protocol);
  writer.add_number(session_resumption);
  writer.add_number(static_cast<std::uint64_t>(renegotiation));
  writer.add_number(key_log);
  writer.add_number(keep_certificates);
  writer.add_number(pinned_public_keys.size());
  for (const std::string& key : pinned_public_keys) writer.add(key);
  writer.add(ciphers);
  writer.add(tls13_ciphers);
  writer.add(groups);
  writer.add(signature_algorithms);
  writer.add(revocation_lists_pem);
  writer.add_number(require_status);
  writer.add(signer ? std::string_view(signer->identity()) : std::string_view());
  writer.add(verifier ? std::string_view(verifier->identity()) : std::string_view());
  writer.add_number(verifier ? static_cast<std::uint64_t>(verifier->counts()) : 0);
  writer.add(ech_config_list);
  writer.add_number(static_cast<std::uint64_t>(ech));
  writer.add_number(early_data);
  return writer.finish();
}

}  // namespace

Result<std::shared_ptr<const TlsConfig>> TlsConfig::create(TlsOptions options) {
  auto created = or_out_of_memory([&]() -> Result<std::shared_ptr<const TlsConfig>> {
    auto config = tls::Config::create(std::move(options));
    if (!config) return std::unexpected(std::move(config.error()));
    return std::shared_ptr<const TlsConfig>(std::move(*config));
  });
  if (!created && created.error().code == Code::out_of_memory) tls::clear_errors();
  return created;
}

}  // namespace sluice

namespace sluice::tls {
namespace {

Error config_error(std::string context) { return make_error(Code::tls_config, std::move(context)); }

Error no_memory() {
  clear_errors();
  return make_error(Code::out_of_memory, {});
}

// The error after BoringSSL refused something: `what` was being set, and the library's reason; or out_of_memory.
Error refused_option(std::string_view what) {
  const Failure failure = take_failure("refused");
  return failure.out_of_memory ? no_memory() : config_error(std::string(what) + ": " + failure.reason);
}

std::uint16_t wire_version(TlsVersion version) {
  switch (version) {
    case TlsVersion::tls1_2:
      return TLS1_2_VERSION;
    case TlsVersion::tls1_3:
      return TLS1_3_VERSION;
  }
  return 0;  // no such version: set_protocols refuses it
}

void current_time(const SSL*, timeval* out) {
  out->tv_sec = kClock;
  out->tv_usec = 0;
}

}  // namespace

Result<std::shared_ptr<const Config>> Config::create(TlsOptions options) {
  const Identity identity = identity_of(options);
  const std::shared_ptr<Config> config(new Config(std::move(options), identity));
  config->context_.reset(SSL_CTX_new(TLS_with_buffers_method()));
  config->anchors_.reset(X509_STORE_new());
  if (!config->context_ || !config->anchors_) return std::unexpected(no_memory());
  search_anchors(config->anchors_.get());
  for (const std::string& key : config->options().pinned_public_keys) {
    if (key.size() == SHA256_DIGEST_LENGTH) continue;
    return std::unexpected(
        config_error("pinned public keys: a hash has " + std::to_string(key.size()) + " bytes, SHA-256 has 32"));
  }
  if (auto done = config->set_protocols(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = check_ech(config->context_.get(), config->options()); !done) {
    return std::unexpected(std::move(done.error()));
  }
  if (auto done = config->load_anchors(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = config->load_revocation_lists(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = config->load_client_certificate(); !done) return std::unexpected(std::move(done.error()));
  config->set_callbacks();
  clear_errors();
  return config;
}

bssl::UniquePtr<SSL> Config::new_connection(Http2Offer http2) const {
  bssl::UniquePtr<SSL> ssl(SSL_new(context_.get()));
  if (ssl && !offer_protocols(ssl.get(), http2, options().alpn)) return nullptr;
  return ssl;
}

Result<void> Config::set_protocols() {
  const std::uint16_t min = wire_version(options().min_version);
  const std::uint16_t max = wire_version(options().max_version);
  if (min == 0 || max == 0) return std::unexpected(config_error("TLS versions: no such version"));
  if (min > max) return std::unexpected(config_error("TLS versions: the least one allowed is above the greatest"));
  SSL_CTX* context = context_.get();
  if (!SSL_CTX_set_min_proto_version(context, min) || !SSL_CTX_set_max_proto_version(context, max)) {
    return std::unexpected(refused_option("TLS versions"));
  }
  if (auto done = set_algorithms(context, options()); !done) return done;
  auto ciphers = sluice::tls::tls13_ciphers(options());
  if (!ciphers) return std::unexpected(std::move(ciphers.error()));
  tls13_ciphers_ = *std::move(ciphers);
  for (const std::string& protocol : options().alpn) {
    if (protocol.empty() || protocol.size() > 255) {
      return std::unexpected(config_error("ALPN: a protocol name has " + std::to_string(protocol.size()) +
                                          " bytes, allowed are 1 to 255"));
    }
  }
  const std::string protocols = alpn_wire(options().alpn);
  if (protocols.size() > 0xffff - 2) return std::unexpected(config_error("ALPN: too many protocol names"));
  const Bytes wire = as_bytes(protocols);
  if (SSL_CTX_set_alpn_protos(context, wire.data(), static_cast<unsigned>(wire.size())) != 0) {
    return std::unexpected(no_memory());
  }
  return {};
}

Result<void> Config::load_anchors() {
  if (!options().verify_peer || options().trust_anchors_pem.empty()) return {};
  auto certificates = read_certificates(options().trust_anchors_pem, "trust anchors");
  if (!certificates) return std::unexpected(std::move(certificates.error()));
  // The store keeps the first of several equal certificates. Distrusted ones are added first, so that a copy without
  // the distrust cannot replace them.
  for (const bool distrusted : {true, false}) {
    for (const auto& one : *certificates) {
      const int trust = X509_check_trust(one.get(), X509_TRUST_SSL_SERVER, 0);
      // A certificate that could not be checked would never be usable.
      if (take_memory_failure()) return std::unexpected(no_memory());
      if ((trust == X509_TRUST_REJECTED) != distrusted) continue;
      if (!X509_STORE_add_cert(anchors_.get(), one.get())) return std::unexpected(no_memory());
    }
  }
  return {};
}

Result<void> Config::load_revocation_lists() {
  if (!options().verify_peer || options().revocation_lists_pem.empty()) return {};
  auto lists = read_revocation_lists(options().revocation_lists_pem);
  if (!lists) return std::unexpected(std::move(lists.error()));
  for (const auto& one : *lists) {
    if (!X509_STORE_add_crl(anchors_.get(), one.get())) return std::unexpected(no_memory());
  }
  // Every certificate of a chain needs a list of its issuer.
  X509_STORE_set_flags(anchors_.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

// The key of the client's certificate; null: a TlsSigner has it.
Result<bssl::UniquePtr<EVP_PKEY>> Config::client_key(X509& certificate) const {
  const std::string& text = options().private_key_pem.empty() ? options().certificate_pem : options().private_key_pem;
  if (options().signer) {
    if (options().private_key_pem.empty()) return nullptr;
    return std::unexpected(config_error("client certificate: there are a private key and a signer"));
  }
  auto key = read_private_key(text, options().private_key_password);
  if (!key || X509_check_private_key(&certificate, key->get())) return key;
  if (take_memory_failure()) return std::unexpected(no_memory());
  return std::unexpected(config_error("client certificate: the private key does not belong to it"));
}

Result<void> Config::load_client_certificate() {
  if (options().certificate_pem.empty()) {
    if (options().private_key_pem.empty() && !options().signer) return {};
    return std::unexpected(config_error("client certificate: there is a private key but no certificate"));
  }
  auto certificates = read_certificates(options().certificate_pem, "client certificate");
  if (!certificates) return std::unexpected(std::move(certificates.error()));
  auto key = client_key(*certificates->front());
  if (!key) return std::unexpected(std::move(key.error()));
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> owned;
  std::vector<CRYPTO_BUFFER*> chain;
  for (const auto& certificate : *certificates) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    const bssl::UniquePtr<std::uint8_t> der_owner(der);
    if (size < 0) return std::unexpected(no_memory());
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr));
    if (!buffer) return std::unexpected(no_memory());
    chain.push_back(buffer.get());
    owned.push_back(std::move(buffer));
  }
  if (!*key) return use_signer(context_.get(), chain, *options().signer);
  if (!SSL_CTX_set_chain_and_key(context_.get(), chain.data(), chain.size(), key->get(), nullptr)) {
    return std::unexpected(refused_option("client certificate: unusable for TLS"));
  }
  return {};
}

bool Config::may_renegotiate() const {
  switch (options().renegotiation) {
    case TlsRenegotiation::never:
      return false;
    case TlsRenegotiation::with_certificate:
      return !options().certificate_pem.empty();
    case TlsRenegotiation::once:
      return true;
  }
  return false;
}

bool Config::is_portable() const {
  const bool signs_here = options().signer && !options().signer->has_name();
  return !signs_here && (!options().verifier || options().verifier->has_name());
}

void Config::set_callbacks() {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_current_time_cb(context, current_time);
  // The peer must show a certificate even without verify_peer; on_verify decides whether it is checked. Certificates of
  // resumed sessions are checked again, because they may have expired.
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER, on_verify);
  SSL_CTX_set_reverify_on_resume(context, 1);
  SSL_CTX_set_session_cache_mode(
      context, options().session_resumption ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  if (options().session_resumption) {
    SSL_CTX_sess_set_new_cb(context, on_new_session);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  if (options().require_status) SSL_CTX_enable_ocsp_stapling(context);
  if (options().key_log) SSL_CTX_set_keylog_callback(context, on_key_log);
}

}  // namespace sluice::tls
