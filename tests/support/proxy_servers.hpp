// Real proxies on loopback while their objects exist: tinyproxy, squid, microsocks, and nginx or nghttpx with TLS
// before another one. Each constructor throws std::runtime_error with the program's own message if it does not start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/site.hpp"

namespace sluice::test {

// The login that these proxies want, if they want one.
inline constexpr const char* kProxyUser = "me";
inline constexpr const char* kProxyPassword = "secret";
inline constexpr const char* kProxyLogin = "me:secret";

// HTTP and CONNECT, with Basic if it wants a login.
class Tinyproxy {
 public:
  explicit Tinyproxy(bool wants_login);
  std::uint16_t port() const { return ports_[0]; }
  std::string place() const { return "127.0.0.1:" + std::to_string(port()); }
  // Its log, a line for each request: "CONNECT ... Request (file descriptor 7): GET http://127.0.0.1:80/ HTTP/1.1".
  std::string log() const { return read_file(folder_.path() / "log"); }

 private:
  TempFolder folder_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

// HTTP and CONNECT, for those alone who have the login, by Basic or by Digest. Keeps connections.
class Squid {
 public:
  Squid();
  ~Squid();
  std::string place() const { return "127.0.0.1:" + std::to_string(ports_[0]); }

 private:
  TempFolder folder_;
  const std::string name_;  // what its shared memory is named after
  std::vector<std::uint16_t> ports_;
  Child child_;
};

// SOCKS5, with a user and password if it wants a login.
class Microsocks {
 public:
  explicit Microsocks(bool wants_login);
  std::string place() const { return "127.0.0.1:" + std::to_string(ports_[0]); }

 private:
  TempFolder folder_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

// TLS before the proxy at `port`, with a certificate for 127.0.0.1 and localhost from site()'s own authority.
class TlsFront {
 public:
  explicit TlsFront(std::uint16_t port);
  const Site& site() const { return site_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(ports_[0]); }
  // The same, but only with a client certificate of the authority.
  std::string mutual() const { return "https://127.0.0.1:" + std::to_string(ports_[1]); }

 private:
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

// TLS and HTTP/2 before the HTTP proxy at `port`: requests and CONNECT come by HTTP/2, or by HTTP/1.1 if the client
// wants, and go on by HTTP/1.1. With the same certificate.
class Http2Front {
 public:
  explicit Http2Front(std::uint16_t port);
  const Site& site() const { return site_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(ports_[0]); }
  // Its log, a line for each request: "GET http://127.0.0.1:80/ HTTP/2 200".
  std::string log() const { return read_file(site_.folder() / "access.log"); }

 private:
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
