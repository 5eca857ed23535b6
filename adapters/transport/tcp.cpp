// See tcp.hpp. One address. Leaves name resolution and the race between addresses to the engine.
#include "adapters/transport/tcp.hpp"

#include <utility>

#include "adapters/transport/socket_stream.hpp"

namespace sluice::transport {
namespace {

class Tcp final : public SocketStream {
 public:
  Tcp(const Address& address, TcpOptions options) : address_(address), options_(std::move(options)) {}

  Result<Opening> open() override {
    if (connected_) return Opening::done;
    if (!socket_) {
      auto started = net::start_connect(address_, options_.socket.get(), options_.calls.get());
      if (!started) return std::unexpected(std::move(started.error()));
      socket_ = std::move(started->socket);
      // With TCP_FASTOPEN_CONNECT there is no peer yet, so connect_result() could not tell.
      connected_ = started->connected;
      return connected_ ? Opening::done : Opening::wait_write;
    }
    const auto connected = net::connect_result(socket_.get(), address_);
    if (!connected) return std::unexpected(connected.error());
    return *connected ? Opening::done : Opening::wait_write;
  }

 private:
  const Address address_;
  const TcpOptions options_;
  bool connected_ = false;  // at once
};

}  // namespace

std::unique_ptr<Transport> tcp(const Address& address, TcpOptions options) {
  return std::make_unique<Tcp>(address, std::move(options));
}

}  // namespace sluice::transport
