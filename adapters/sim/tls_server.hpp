// The server side of TLS in memory, for the demonstration's HTTPS server and for tests.
// Bytes from the peer go in with feed(), bytes for the peer come out of output(). Leaves sockets and HTTP to others.
#pragma once

#include <cstddef>
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
  std::string certificate_pem;  // the certificate, then its chain
  std::string key_pem;
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  std::vector<std::string> alpn = {"http/1.1"};  // in order of preference; empty: ALPN is not answered
  // If not empty: a client certificate is requested and must have a chain to one of these.
  std::string client_anchors_pem;
  UnixSeconds client_check_time = 0;  // the time for which client certificates are checked
  bool tickets = true;
  bool early_data = false;  // accepted (RFC 8446 2.3), and its tickets say so
  std::string ciphers;      // for TLS 1.2; empty: the library's default
};

// What connections share: certificate, key, ticket keys. One thread at a time.
class TlsServerContext {
 public:
  // Errors: tls_config.
  static Result<TlsServerContext> create(const TlsServerOptions& options);
  ~TlsServerContext();
  TlsServerContext(TlsServerContext&&) noexcept;
  TlsServerContext& operator=(TlsServerContext&&) noexcept;
  // Connections of clients that name this host (SNI) get the certificate of `other`.
  void add_host(const std::string& host, const TlsServerContext& other);

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

  void refuse_early_data();  // before the first feed()
  // Takes all of `wire`. False: the connection has failed; output() may still hold an alert.
  bool feed(Bytes wire);
  // Encrypts `plain` and appends it to output(). Only after handshake_done().
  bool write(Bytes plain);
  void close_notify();

  std::string& plain();                 // the decrypted bytes; the caller clears it
  std::vector<std::uint8_t>& output();  // the bytes to send; the caller clears it
  bool handshake_done() const;
  std::string_view alpn() const;    // the chosen protocol; "": none. Valid until the object goes
  std::size_t early_bytes() const;  // how many of the decrypted bytes came as early data
  bool peer_closed() const;         // a close_notify has come
  bool resumed() const;
  std::string server_name() const;  // from SNI; "": none was sent
  std::string client_subject() const;
  const std::string& failure() const;  // empty: none
  ssl_st* native() const;              // for tests that need more than this class offers

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::sim
