// See judge.hpp.
#include "core/tls/judge.hpp"

#include <openssl/pool.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/hash/hash.hpp"
#include "core/tls/certificate.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/ocsp.hpp"
#include "core/tls_hooks.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxReasonOfVerifier = 512;

Judgement refused_because(Code code, std::string reason, std::uint8_t alert, int detail = 0) {
  const bool out_of_memory = take_memory_failure();
  return {.accepted = false,
          .verified = false,
          .code = code,
          .detail = detail,
          .reason = std::move(reason),
          .alert = alert,
          .out_of_memory = out_of_memory};
}

bssl::UniquePtr<X509> shown_at(const STACK_OF(CRYPTO_BUFFER) * shown, std::size_t at) {
  if (shown == nullptr || at >= sk_CRYPTO_BUFFER_num(shown)) return nullptr;
  return bssl::UniquePtr<X509>(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, at)));
}

// The built-in check, and the application's.
Judgement judge_chain(const Config& config, const SSL* ssl, const ReferenceId& peer, std::uint16_t port,
                      UnixSeconds wall, std::shared_ptr<X509>& issuer) {
  const TlsOptions& options = config.options();
  const STACK_OF(CRYPTO_BUFFER)* shown = SSL_get0_peer_certificates(ssl);
  Judgement judged;
  judged.accepted = true;
  if (options.verify_peer) {
    Verdict verdict = verify_chain(config.anchors(), shown, peer, wall);
    issuer = std::move(verdict.issuer);
    judged = {.accepted = verdict.good,
              .verified = verdict.good,
              .good_until = verdict.good_until,
              .code = Code::tls_certificate,
              .detail = verdict.code,
              .reason = std::move(verdict.reason),
              .alert = verdict.alert,
              .out_of_memory = verdict.out_of_memory};
    if (!judged.accepted && options.trust_anchors_pem.empty()) judged.reason += " (no trust anchors were given)";
  }
  if (!options.verifier || judged.out_of_memory) return judged;
  const bool decides = options.verifier->counts() == TlsVerifier::Counts::in_place;
  if (!judged.accepted && !decides) return judged;
  const std::vector<std::string> certificates = in_der(shown);
  auto reason = options.verifier->refuse({.host = peer.host,
                                          .port = port,
                                          .certificates = certificates,
                                          .checked = options.verify_peer,
                                          .accepted = judged.verified,
                                          .reason = judged.reason,
                                          .time = wall});
  if (reason) {
    return refused_because(Code::tls_certificate,
                           "refused by the application: " + printable(*reason, kMaxReasonOfVerifier),
                           SSL_AD_BAD_CERTIFICATE);
  }
  judged.accepted = true;
  if (!judged.verified) judged.good_until = std::numeric_limits<UnixSeconds>::max();
  return judged;
}

std::optional<Judgement> wrong_cipher(const Config& config, const SSL* ssl) {
  const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
  if (config.tls13_ciphers().empty() || SSL_version(ssl) != TLS1_3_VERSION || cipher == nullptr) return std::nullopt;
  if (std::ranges::find(config.tls13_ciphers(), SSL_CIPHER_get_protocol_id(cipher)) != config.tls13_ciphers().end()) {
    return std::nullopt;
  }
  return refused_because(Code::tls_handshake,
                         std::string("the server chose ") + SSL_CIPHER_standard_name(cipher) +
                             ", which is not among the TLS 1.3 ciphers that were asked for (all are offered: the TLS "
                             "library has no choice of them)",
                         SSL_AD_HANDSHAKE_FAILURE);
}

std::optional<Judgement> wrong_key(const TlsOptions& options, const STACK_OF(CRYPTO_BUFFER) * shown) {
  if (options.pinned_public_keys.empty()) return std::nullopt;
  const auto leaf = shown_at(shown, 0);
  std::uint8_t* der = nullptr;
  const int size = leaf ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf.get()), &der) : -1;
  const bssl::UniquePtr<std::uint8_t> owner(der);
  if (size < 0) return refused_because(Code::tls_pin, "the certificate's key cannot be read", SSL_AD_BAD_CERTIFICATE);
  const hash::Sha256 hash = hash::sha256(as_text({der, static_cast<std::size_t>(size)}));
  if (std::ranges::find(options.pinned_public_keys, as_text(Bytes(hash))) != options.pinned_public_keys.end()) {
    return std::nullopt;
  }
  return refused_because(Code::tls_pin, "the certificate's key is none of the pinned ones", SSL_AD_BAD_CERTIFICATE);
}

std::optional<Judgement> wrong_status(const SSL* ssl, const X509* issuer, UnixSeconds wall, UnixSeconds& good_until) {
  const auto without = [](std::string reason) {
    return refused_because(Code::tls_status, std::move(reason), SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE);
  };
  const STACK_OF(CRYPTO_BUFFER)* shown = SSL_get0_peer_certificates(ssl);
  const std::uint8_t* response = nullptr;
  std::size_t size = 0;
  SSL_get0_ocsp_response(ssl, &response, &size);
  if (size == 0) return without("the server stapled no OCSP response");
  const auto leaf = shown_at(shown, 0);
  if (!leaf) return without("the certificate cannot be read");
  // Without a verified chain there is none: an issuer that the peer shows itself proves nothing.
  if (!issuer) {
    return without("the stapled OCSP response cannot be checked: the certificate's issuer was not verified");
  }
  const auto until = check_status({response, size}, *leaf, *issuer, wall);
  if (!until) return without("the stapled OCSP response " + until.error());
  good_until = std::min(good_until, *until);
  return std::nullopt;
}

}  // namespace

Judgement judge_peer(const Config& config, const SSL* ssl, const ReferenceId& peer, std::uint16_t port,
                     UnixSeconds wall) {
  const TlsOptions& options = config.options();
  std::shared_ptr<X509> issuer;
  Judgement judged = judge_chain(config, ssl, peer, port, wall, issuer);
  if (!judged.accepted) return judged;
  if (auto wrong = wrong_key(options, SSL_get0_peer_certificates(ssl))) return *std::move(wrong);
  if (auto wrong = wrong_cipher(config, ssl)) return *std::move(wrong);
  if (options.require_status) {
    if (auto wrong = wrong_status(ssl, issuer.get(), wall, judged.good_until)) return *std::move(wrong);
  }
  return judged;
}

bool proves_host(const Config& config, const SSL* ssl, const std::string& host, HostKind kind, std::uint16_t port,
                 UnixSeconds wall) {
  bool proved = false;
  try {
    const auto peer = reference_id(host, kind);
    if (peer) {
      const Judgement judged = judge_peer(config, ssl, *peer, port, wall);
      proved = judged.accepted && judged.verified;
    }
  } catch (...) {  // see judge.hpp
  }
  clear_errors();
  return proved;
}

bool proves_public_name(const Config& config, const SSL* ssl, std::uint16_t port, UnixSeconds wall) {
  if (!config.options().verify_peer) return false;
  const char* name = nullptr;
  std::size_t size = 0;
  SSL_get0_ech_name_override(ssl, &name, &size);
  const auto peer = reference_id(std::string(name, size), HostKind::name);
  std::shared_ptr<X509> issuer;
  return peer && judge_chain(config, ssl, *peer, port, wall, issuer).verified;
}

Judgement ech_refused() {
  return refused_because(
      Code::tls_handshake,
      "the server has refused Encrypted Client Hello (its configuration is old, or not the server's)",
      SSL_AD_ECH_REQUIRED);
}

}  // namespace sluice::tls
