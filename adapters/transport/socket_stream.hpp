// What every transport over a connected, non-blocking stream socket shares: bytes move by one system call each, without
// SIGPIPE. How the socket comes to be connected is the business of those that derive from this.
#pragma once

#include <utility>

#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/transport.hpp"

namespace sluice::transport {

class SocketStream : public Transport {
 public:
  int fd() const override { return socket_.get(); }
  Transferred receive(MutableBytes space) override { return net::receive(socket_.get(), space); }
  Transferred send(std::span<const Bytes> pieces) override { return net::send(socket_.get(), pieces); }

 protected:
  explicit SocketStream(net::Descriptor socket = {}) : socket_(std::move(socket)) {}
  net::Descriptor socket_;
};

}  // namespace sluice::transport
