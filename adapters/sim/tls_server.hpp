// The server's side of TLS over memory, for the demonstration's HTTPS server and for tests.
// Knows BoringSSL's server; nothing of sockets or HTTP. Bytes of the peer go in by feed(), bytes for it come out of
// output().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.hpp"
#include "core/types.hpp"

struct ssl_st;

namespace sluice::sim {

struct TlsServerOptions {
  std::string certificate_pem;  // leaf first, then its chain
  std::string key_pem;
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  std::vector<std::string> alpn = {"http/1.1"};  // chosen by this order; empty: ALPN is not answered
  std::string client_anchors_pem;     // not empty: a client certificate is asked for and must lead to one of these
  UnixSeconds client_check_time = 0;  // when they are judged
  bool tickets = true;
  std::string ciphers;  // for TLS 1.2; empty: the library's choice
};

// What connections share: certificate, key, ticket keys. May be used by one thread at a time.
class TlsServerContext {
 public:
  // Errors: tls_config.
  static Result<TlsServerContext> create(const TlsServerOptions& options);
  ~TlsServerContext();
  TlsServerContext(TlsServerContext&&) noexcept;
  TlsServerContext& operator=(TlsServerContext&&) noexcept;

 private:
  friend class TlsServer;
  struct Impl;
  explicit TlsServerContext(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

class TlsServer {
 public:
  explicit TlsServer(const TlsServerContext& context);
  ~TlsServer();
  TlsServer(TlsServer&&) noexcept;
  TlsServer& operator=(TlsServer&&) noexcept;

  // Takes all of it. False once the connection is broken; output() may still hold an alert then.
  bool feed(Bytes wire);
  // Encrypted and appended to output(). Only after handshake_done().
  bool write(Bytes plain);
  void close_notify();

  std::string& plain();                 // decrypted so far; the caller clears it
  std::vector<std::uint8_t>& output();  // to be sent; the caller clears it
  bool handshake_done() const;
  bool peer_closed() const;  // its close_notify came
  bool resumed() const;
  std::string server_name() const;  // from SNI; empty: none was sent
  std::string client_subject() const;
  const std::string& failure() const;  // empty: none
  ssl_st* native() const;              // for tests that need what is not offered here

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::sim
