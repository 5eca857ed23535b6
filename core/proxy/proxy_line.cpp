// See proxy_line.hpp.
#include "core/proxy/proxy_line.hpp"

namespace sluice::proxy {
namespace {

bool is_ipv6(const IpAddress& address) { return address.kind == IpAddress::Kind::ipv6; }

std::string text_of(const IpAddress& address, bool as_ipv6) {
  return (as_ipv6 && !is_ipv6(address) ? "::ffff:" : "") + address.to_string();
}

}  // namespace

std::string proxy_line(const Address& local, const Address& peer, const IpAddress& client) {
  using Kind = IpAddress::Kind;
  if (local.ip.kind == Kind::none || peer.ip.kind == Kind::none) return "PROXY UNKNOWN\r\n";
  const IpAddress& from = client.kind == Kind::none ? local.ip : client;
  const bool six = is_ipv6(from) || is_ipv6(peer.ip);
  return std::string("PROXY ") + (six ? "TCP6 " : "TCP4 ") + text_of(from, six) + ' ' + text_of(peer.ip, six) + ' ' +
         std::to_string(local.port) + ' ' + std::to_string(peer.port) + "\r\n";
}

}  // namespace sluice::proxy
