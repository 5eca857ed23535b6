// TlsConfig as BoringSSL objects: parsed once, shared by all connections that use it, from several threads at once.
// Knows how options become an SSL_CTX and an identity. Leaves to others: single connections (client.cpp) and judging
// certificates (verify.cpp).
#pragma once

#include <openssl/ssl.h>

#include <span>

#include "core/options.hpp"

namespace sluice::tls {

class Config final : public TlsConfig {
 public:
  static Result<std::shared_ptr<const Config>> create(TlsOptions options);

  // A new connection. The context's callbacks look for their connection in the SSL's app data; see client.cpp.
  bssl::UniquePtr<SSL> new_connection() const { return bssl::UniquePtr<SSL>(SSL_new(context_.get())); }
  // What is trusted. BoringSSL locks the store where a look-up changes it.
  X509_STORE* anchors() const { return anchors_.get(); }

 private:
  using TlsConfig::TlsConfig;
  Result<void> load_anchors();
  Result<void> load_client_certificate();
  Result<void> set_protocols();
  void set_callbacks();

  // No CRYPTO_BUFFER_POOL: certificates of a session may come to live in connections of another, equal configuration,
  // and a pool must outlive all that was ever made in it.
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<X509_STORE> anchors_;
};

// BoringSSL's clock has no user data, so it stands still here, and sessions are moved in time instead: one that is
// `age` seconds old is offered as created at kClock - age.
inline constexpr std::int64_t kClock = std::int64_t{1} << 32;

// The callbacks of every context; defined beside the connection they look up.
int on_new_session(SSL* ssl, SSL_SESSION* session);
void on_key_log(const SSL* ssl, const char* line);
ssl_verify_result_t on_verify(SSL* ssl, std::uint8_t* out_alert);

}  // namespace sluice::tls
