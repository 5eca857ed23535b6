// See tcp.hpp. One address. Leaves name resolution and the race between addresses to the engine.
#include "adapters/transport/tcp.hpp"

#include "adapters/transport/socket_stream.hpp"

namespace sluice::transport {
namespace {

class Tcp final : public SocketStream {
 public:
  explicit Tcp(const Address& address) : address_(address) {}

  Result<Opening> open() override {
    if (!socket_) {
      auto started = net::start_connect(address_);
      if (!started) return std::unexpected(std::move(started.error()));
      socket_ = std::move(started->socket);
      return started->connected ? Opening::done : Opening::wait_write;
    }
    const auto connected = net::connect_result(socket_.get(), address_);
    if (!connected) return std::unexpected(connected.error());
    return *connected ? Opening::done : Opening::wait_write;
  }

 private:
  const Address address_;
};

}  // namespace

std::unique_ptr<Transport> tcp(const Address& address) { return std::make_unique<Tcp>(address); }

}  // namespace sluice::transport
