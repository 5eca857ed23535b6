// The base of transports over a non-blocking stream socket: one system call for each read or write, without SIGPIPE.
// Leaves connecting the socket to derived classes.
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
  Address local_address() const override { return net::local_address(socket_.get()); }
  // A read that fills only a part of the space has emptied the socket; a partial write has filled it. So would_block is
  // set.
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
