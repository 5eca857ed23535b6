// A small SOCKS4 and SOCKS4a proxy on loopback, in a thread of its own; Debian has none. Serves one connection after
// the other. Every name is 127.0.0.1, so that only the proxy can have looked it up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace sluice::test {

class Socks4Server {
 public:
  // `answer`: the code of each reply; 90 grants the request. `path`: of a Unix-domain socket to listen on instead.
  explicit Socks4Server(std::uint8_t answer = 90, const std::string& path = {});
  ~Socks4Server();
  Socks4Server(const Socks4Server&) = delete;
  Socks4Server& operator=(const Socks4Server&) = delete;

  std::string place() const;  // "127.0.0.1:PORT"
  // Of the last request: "127.0.0.1:80 user", or "name.test:80 user" of SOCKS4a; "": there was none, or it was wrong.
  std::string last_request() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
