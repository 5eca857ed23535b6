// A real nginx on loopback while the object exists. Leaves its files to site.hpp.
#pragma once

#include <string>

#include "tests/support/child.hpp"
#include "tests/support/site.hpp"

namespace sluice::test {

// Every response has X-Connection (its number), X-Connection-Requests, X-Protocol and X-Session-Reused ("r" or ".").
//   /N           the file of N bytes            /chunked/N  the same without a length, so in chunks
//   /slow/N      the same at 64 KiB a second    /upload/... PUT makes a file in site().www()/upload
//   /brotli/N    the same with content coding br, if it is asked for
//   /go          a redirect (302) to /1024
//   /own/N       the same; for localhost on a connection that was not made for that name 421
class Nginx {
 public:
  // Throws std::runtime_error with nginx's own message if it does not start.
  Nginx();

  const Site& site() const { return site_; }
  std::string plain() const { return at("http", 0); }
  std::string tls() const { return at("https", 1); }     // 1.2 and 1.3
  std::string tls12() const { return at("https", 2); }   // 1.2 alone
  std::string tls13() const { return at("https", 3); }   // 1.3 alone
  std::string mutual() const { return at("https", 4); }  // requires a client certificate
  // Connections must begin with the PROXY protocol; the body of /line is the client's address and port by its line.
  std::string after_line() const { return at("http", 5); }
  std::string tls_after_line() const { return at("https", 6); }
  std::string http2() const { return at("https", 7); }       // HTTP/2 and HTTP/1.1, as the client wants
  std::string plain_http2() const { return at("http", 8); }  // HTTP/2 by prior knowledge
  // Kills the worker, and with it every connection, without a regular close. A new worker replaces it.
  void kill_worker();
  // A new worker takes new connections, and the old one ends when the requests that it has are served.
  void reload();

 private:
  std::string at(const char* scheme, std::size_t index) const;
  std::string configuration() const;
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
