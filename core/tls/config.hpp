// TlsConfig as BoringSSL objects: made once, shared by all connections that use it, also from several threads at once.
// Makes an SSL_CTX and an identity from the options. Leaves to others: single connections (client.cpp) and verifying
// the peer (judge.cpp).
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/options.hpp"
#include "core/tls/alpn.hpp"

namespace sluice::tls {

class Config final : public TlsConfig {
 public:
  static Result<std::shared_ptr<const Config>> create(TlsOptions options);

  // A new connection; null: out of memory. The caller must set the SSL's app data to its Client, which the callbacks
  // use; see client.cpp.
  bssl::UniquePtr<SSL> new_connection(Http2Offer http2) const;
  // The trust anchors. BoringSSL locks the store if a look-up changes it.
  X509_STORE* anchors() const { return anchors_.get(); }
  // Those that the server may choose; empty: all (algorithms.hpp).
  const std::vector<std::uint16_t>& tls13_ciphers() const { return tls13_ciphers_; }
  bool may_renegotiate() const;
  // False: the identity names an object of this process.
  bool is_portable() const;

 private:
  using TlsConfig::TlsConfig;
  Result<void> load_anchors();
  Result<void> load_revocation_lists();
  Result<bssl::UniquePtr<EVP_PKEY>> client_key(X509& certificate) const;
  Result<void> load_client_certificate();
  Result<void> set_protocols();
  void set_callbacks();

  // No CRYPTO_BUFFER_POOL is used: a pool must outlive all certificates made in it, but the certificates of a session
  // may be used by connections of another, equal configuration.
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<X509_STORE> anchors_;
  std::vector<std::uint16_t> tls13_ciphers_;
};

// BoringSSL's clock callback has no user data, so it always returns this time (in seconds). The creation time of a
// session is changed instead: one that is `age` seconds old is offered as created at kClock - age.
inline constexpr std::int64_t kClock = std::int64_t{1} << 32;

// The callbacks of every context; defined in client.cpp.
int on_new_session(SSL* ssl, SSL_SESSION* session);
void on_key_log(const SSL* ssl, const char* line);
ssl_verify_result_t on_verify(SSL* ssl, std::uint8_t* out_alert);  // see also signing.hpp

}  // namespace sluice::tls
