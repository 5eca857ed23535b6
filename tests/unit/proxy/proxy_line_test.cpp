// core/proxy/proxy_line: the line of the PROXY protocol.
#include "core/proxy/proxy_line.hpp"

#include <string>

#include "tests/unit/proxy/proxy_tools.hpp"

namespace {
using namespace sluice;
using proxy::proxy_line;

Address place(std::string_view ip, std::uint16_t port) { return {IpAddress::parse(ip).value_or(IpAddress{}), port}; }
IpAddress address(std::string_view ip) { return IpAddress::parse(ip).value(); }

TEST_CASE("proxy line: addresses and ports, of one family") {
  const Address v4 = place("192.0.2.1", 40000), v6 = place("2001:db8::1", 40000);
  CHECK(proxy_line(v4, place("192.0.2.9", 80), {}) == "PROXY TCP4 192.0.2.1 192.0.2.9 40000 80\r\n");
  CHECK(proxy_line(v6, place("2001:db8::9", 443), {}) == "PROXY TCP6 2001:db8::1 2001:db8::9 40000 443\r\n");
  CHECK(proxy_line(v4, place("192.0.2.9", 80), address("198.51.100.7")) ==
        "PROXY TCP4 198.51.100.7 192.0.2.9 40000 80\r\n");
  CHECK(proxy_line(v4, place("192.0.2.9", 80), address("2001:db8::7")) ==
        "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.9 40000 80\r\n");
  CHECK(proxy_line(v6, place("2001:db8::9", 80), address("198.51.100.7")) ==
        "PROXY TCP6 ::ffff:198.51.100.7 2001:db8::9 40000 80\r\n");
  Address zoned = place("fe80::1", 1);
  zoned.ip.zone = "eth0";
  CHECK(proxy_line(zoned, place("fe80::2", 2), {}) == "PROXY TCP6 fe80::1 fe80::2 1 2\r\n");
}

TEST_CASE("proxy line: without an address of one end nothing is known, whoever the client is said to be") {
  const Address some = place("192.0.2.1", 1);
  CHECK(proxy_line({}, some, {}) == "PROXY UNKNOWN\r\n");
  CHECK(proxy_line(some, {}, {}) == "PROXY UNKNOWN\r\n");
  CHECK(proxy_line({}, {}, address("192.0.2.7")) == "PROXY UNKNOWN\r\n");
}

TEST_CASE("proxy line: it is sent first, and nothing is waited for") {
  const auto make = [] { return std::make_unique<proxy::ProxyLine>("PROXY UNKNOWN\r\n"); };
  const test::ProxyTalk talk = test::talk_in_pieces(make, "hello");
  CHECK(talk.sent == "PROXY UNKNOWN\r\n");
  CHECK(talk.open);
  CHECK(talk.plain == "hello");
}

}  // namespace
