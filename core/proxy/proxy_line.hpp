// The line of the PROXY protocol, version 1 (haproxy.org, proxy-protocol.txt 2.1): the first bytes of a stream, which
// tell the peer between which addresses the connection is. After it all bytes pass unchanged. Leaves to others: which
// connections have it (TransferOptions::proxy_protocol).
#pragma once

#include <string>

#include "core/address.hpp"
#include "core/proxy/passage.hpp"

namespace sluice::proxy {

// The line with its CRLF, at most 107 bytes. Without one of the addresses "PROXY UNKNOWN". `client`, if it is an
// address, is said in the place of the local one. Both are of one family: an IPv4 address beside an IPv6 one is written
// as an IPv6 one (RFC 4291 2.5.5.2). Throws std::bad_alloc.
std::string proxy_line(const Address& local, const Address& peer, const IpAddress& client);

class ProxyLine final : public Passage {
 public:
  explicit ProxyLine(std::string line) : Passage({}, {}), line_(std::move(line)) {}

  std::string_view task() const override { return "PROXY protocol"; }
  Code failure() const override { return Code::connect_failed; }

 private:
  bool begin(std::vector<std::uint8_t>& out, Now) override {
    append(out, line_);
    open();
    return true;
  }
  void answer(Bytes&, std::vector<std::uint8_t>&, Now) override {}  // there is no answer

  const std::string line_;
};

}  // namespace sluice::proxy
