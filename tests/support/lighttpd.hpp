// A real lighttpd on loopback while the object exists: a second implementation besides nginx.
#pragma once

#include <string>

#include "tests/support/child.hpp"
#include "tests/support/site.hpp"

namespace sluice::test {

//   /N     the file of N bytes
//   /echo  answers with the body it was sent, in chunks; X-Method says the method, X-Length the Content-Length it got
//   /basic /digest /sha256  "let in\n", for kUser with kPassword alone, by Basic or by Digest with MD5 or SHA-256
class Lighttpd {
 public:
  static constexpr const char* kUser = "Mufasa";
  static constexpr const char* kPassword = "Circle of \"Life\"";
  // Throws std::runtime_error with lighttpd's own message if it does not start.
  Lighttpd();

  const Site& site() const { return site_; }
  std::string plain() const { return at("http", 0); }
  std::string tls12() const { return at("https", 1); }
  std::string tls13() const { return at("https", 2); }
  std::string mutual() const { return at("https", 3); }
  // Kills the server, and with it every connection, without a regular close.
  void kill_now() { child_.kill_now(); }

 private:
  std::string at(const char* scheme, std::size_t index) const;
  std::string configuration() const;
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
