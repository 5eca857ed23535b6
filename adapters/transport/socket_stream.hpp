// What every transport over a connected, non-blocking stream socket shares: bytes move by one system call each, without
// SIGPIPE. How the socket comes to be connected is the business of those that derive from this.
#pragma once

#include <utility>

#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/transport.hpp"
#include "adapters/transport/file_io.hpp"

namespace sluice::transport {

class SocketStream : public Transport {
 public:
  int fd() const override { return socket_.get(); }
  // What falls short of its space has emptied the socket, and what it did not take whole has filled it.
  Transferred receive(MutableBytes space) override {
    Transferred moved = net::receive(socket_.get(), space);
    if (moved.bytes > 0 && moved.bytes < space.size()) moved.would_block = true;
    return moved;
  }
  Transferred send(std::span<const Bytes> pieces) override {
    Transferred moved = net::send(socket_.get(), pieces);
    if (moved.bytes > 0 && moved.bytes < total_size(pieces)) moved.would_block = true;
    return moved;
  }

 protected:
  explicit SocketStream(net::Descriptor socket = {}) : socket_(std::move(socket)) {}
  net::Descriptor socket_;
};

}  // namespace sluice::transport
