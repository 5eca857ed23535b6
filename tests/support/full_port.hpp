// A port on loopback whose queue of connections is full: a further connect hangs, as with a peer that drops all
// packets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "adapters/net/descriptor.hpp"

namespace sluice::test {

class FullPort {
 public:
  FullPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), plain, size) != 0 || ::listen(listener_.get(), 0) != 0 ||
        ::getsockname(listener_.get(), plain, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    for (net::Descriptor& one : waiting_) {
      one = net::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(one.get(), plain, size);
    }
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  net::Descriptor listener_;
  std::array<net::Descriptor, 4> waiting_;
  std::uint16_t port_ = 0;
};

}  // namespace sluice::test
