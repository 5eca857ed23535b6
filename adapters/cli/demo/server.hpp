// The HTTP and HTTPS server of the demonstration: two listening sockets on 127.0.0.1 with ports from the kernel, and
// one poll loop in a thread of its own. The bandwidth of each connection is limited, so that the progress display has
// something to show. Leaves HTTP to Responder and TLS to TlsServer. Only for the demonstration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/cli/demo/content.hpp"
#include "core/error.hpp"

namespace sluice::demo {

struct ServerOptions {
  std::vector<File> files;
  std::uint64_t bytes_per_second = 4 * 1024 * 1024;  // for each connection; 0: no limit
};

struct ServerFigures {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
};

class Server {
 public:
  // Listens and starts the thread. Error: what could not be set up, and why.
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  ~Server();  // stops the thread and closes everything
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t http_port() const;
  std::uint16_t https_port() const;
  const std::string& ca_pem() const;  // the CA of the HTTPS server, for 127.0.0.1 and localhost
  ServerFigures stop();               // may be called again

 private:
  class Loop;
  explicit Server(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace sluice::demo
