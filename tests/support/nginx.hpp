// A real nginx on loopback for as long as the object lives.
#pragma once

#include <string>

#include "tests/support/child.hpp"
#include "tests/support/site.hpp"

namespace sluice::test {

// Every answer says X-Connection (its number), X-Connection-Requests, X-Protocol and X-Session-Reused ("r" or ".").
//   /N           the file of N bytes            /chunked/N  the same without a length, so in chunks
//   /slow/N      the same at 64 KiB a second    /upload/... PUT makes a file in site().www()/upload
class Nginx {
 public:
  // Throws std::runtime_error with nginx's own words when it does not come up.
  Nginx();

  const Site& site() const { return site_; }
  std::string plain() const { return at("http", 0); }
  std::string tls() const { return at("https", 1); }     // 1.2 and 1.3
  std::string tls12() const { return at("https", 2); }   // 1.2 alone
  std::string tls13() const { return at("https", 3); }   // 1.3 alone
  std::string mutual() const { return at("https", 4); }  // wants a certificate of the client's
  // Kills the worker, and with it every connection, without a goodbye. A new worker takes its place.
  void kill_worker();

 private:
  std::string at(const char* scheme, std::size_t index) const;
  std::string configuration() const;
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
