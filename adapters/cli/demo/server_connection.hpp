// One accepted connection of the demonstration's server: a non-blocking socket, perhaps TLS, and a bandwidth limit.
// Leaves waiting to the server's loop and HTTP to Responder.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "adapters/cli/demo/responder.hpp"
#include "adapters/sim/tls_server.hpp"

namespace sluice::demo {

class ServerConnection {
 public:
  using Clock = std::chrono::steady_clock;
  // Owns `socket`. `tls` null: no TLS. `files` and `tls` must outlive this object.
  ServerConnection(int socket, const std::vector<File>& files, const sim::TlsServerContext* tls,
                   std::uint64_t bytes_per_second);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  int socket() const { return socket_; }
  short events() const;  // for poll(2)
  // When bytes that the bandwidth limit delays may be sent; nullopt: none.
  std::optional<Clock::time_point> due() const;
  // Reads, answers and writes what is possible. False: the connection is over.
  bool drive(short happened, Clock::time_point now);
  std::uint64_t requests() const { return responder_.requests(); }

 private:
  bool receive();
  void produce(Clock::time_point now);
  bool flush();
  bool wire_empty() const { return sent_ == wire_.size(); }

  int socket_;
  Responder responder_;
  std::optional<sim::TlsServer> tls_;
  std::uint64_t bytes_per_second_;
  Clock::time_point next_ = {};
  std::vector<std::uint8_t> plain_, wire_;
  std::size_t sent_ = 0;  // bytes of wire_ that were sent
  bool said_goodbye_ = false;
};

}  // namespace sluice::demo
