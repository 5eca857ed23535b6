// An HTTPS server on loopback that takes Encrypted Client Hello (RFC 9849), in a thread of its own: answers each
// request with "NAME hidden" or "NAME in clear", NAME being that of SNI, and closes the connection. Its certificate is
// for hidden.test and for the public name, public.example.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/child.hpp"

namespace sluice::test {

class EchServer {
 public:
  EchServer();  // stops the process if it cannot listen
  ~EchServer();
  EchServer(const EchServer&) = delete;
  EchServer& operator=(const EchServer&) = delete;

  std::uint16_t port() const;
  std::string list() const;        // an ECHConfigList with the key that it takes
  std::string other_list() const;  // one with a key that it does not have
  std::string root() const { return (folder_.path() / "root.pem").string(); }  // a file with the root's certificate
  void take_none();                                                            // from here on it has no keys

 private:
  class Thread;
  TempFolder folder_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
