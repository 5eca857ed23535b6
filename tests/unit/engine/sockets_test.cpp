// TransferOptions::socket: the driver gets them with each Connect, and only transfers with equal ones share
// connections.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string_view>

#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

TransferOptions with_socket(SocketOptions socket, TransferOptions options = {}) {
  options.socket = std::make_shared<const SocketOptions>(std::move(socket));
  return options;
}

// How many connections two requests make, the first of which is over and its connection idle.
std::size_t sockets_made(const TransferOptions& first, const TransferOptions& second) {
  EngineWorld world;
  one_get(world, "http://192.0.2.1/", first);
  world.add("http://192.0.2.1/", second);
  return world.connects.size();
}

struct NamedLine : Route {
  NamedLine() : Route("line", "the line", 0) {}
};

// One change for each member, of which no two make the same options.
const std::function<void(SocketOptions&)> kChanges[] = {
    [](SocketOptions& one) { one.interface = "eth0"; },
    [](SocketOptions& one) { one.interface = "eth1"; },
    [](SocketOptions& one) { one.local_addresses = {*IpAddress::parse("192.0.2.7")}; },
    [](SocketOptions& one) { one.local_addresses = {*IpAddress::parse("192.0.2.8")}; },
    [](SocketOptions& one) { one.local_addresses = {*IpAddress::parse("192.0.2.7"), *IpAddress::parse("::1")}; },
    [](SocketOptions& one) {
      one.local_addresses = {*IpAddress::parse("fe80::1")};
      one.local_addresses[0].zone = "eth0";
    },
    [](SocketOptions& one) { one.local_addresses = {*IpAddress::parse("fe80::1")}; },
    [](SocketOptions& one) { one.local_port = 7; },
    [](SocketOptions& one) { one.last_local_port = 7; },
    [](SocketOptions& one) { one.keep_alive = KeepAlive{}; },
    [](SocketOptions& one) { one.keep_alive = KeepAlive{.idle = std::chrono::seconds(7)}; },
    [](SocketOptions& one) { one.keep_alive = KeepAlive{.interval = std::chrono::seconds(7)}; },
    [](SocketOptions& one) { one.keep_alive = KeepAlive{.count = 7}; },
    [](SocketOptions& one) { one.tcp_nodelay = false; },
    [](SocketOptions& one) { one.tcp_fastopen = true; },
    [](SocketOptions& one) { one.ip_tos = std::uint8_t{0}; },
    [](SocketOptions& one) { one.ip_tos = std::uint8_t{7}; },
    [](SocketOptions& one) { one.priority = std::uint8_t{0}; },
    [](SocketOptions& one) { one.priority = std::uint8_t{7}; },
    [](SocketOptions& one) { one.multipath = true; },
};

}  // namespace

TEST_CASE("SB-05 sockets: connections are shared only if every member of the socket's options is equal") {
  SocketOptions all;
  // An option that is new does not compile here: it belongs into kChanges.
  [[maybe_unused]] const auto& [interface, local_addresses, local_port, last_local_port, keep_alive, tcp_nodelay,
                                tcp_fastopen, ip_tos, priority, multipath] = all;
  for (std::size_t i = 0; i < std::size(kChanges); ++i) {
    SocketOptions changed;
    kChanges[i](changed);
    CAPTURE(i);
    CHECK(sockets_made(with_socket(changed), with_socket(changed)) == 1);  // equal, though not the same object
    CHECK(sockets_made(with_socket(changed), {}) == 2);
    CHECK(sockets_made({}, with_socket(changed)) == 2);
    for (std::size_t j = 0; j < i; ++j) {
      SocketOptions other;
      kChanges[j](other);
      CAPTURE(j);
      CHECK(sockets_made(with_socket(other), with_socket(changed)) == 2);
    }
  }
}

TEST_CASE("sockets: each Connect has the options of its transfer") {
  EngineWorld world;
  world.add("http://192.0.2.1/", with_socket({.local_port = 7}));
  world.add("http://192.0.2.2/");
  REQUIRE(world.connects.size() == 2);
  REQUIRE(world.connects[0].socket != nullptr);
  CHECK(*world.connects[0].socket == SocketOptions{.local_port = 7});
  CHECK(world.connects[1].socket == nullptr);
}

TEST_CASE("SB-05 sockets: those to a proxy have them, and are shared accordingly") {
  const TransferOptions proxied = through(proxy_at(ProxyKind::http));
  const TransferOptions seven = with_socket({.local_port = 7}, proxied);
  CHECK(sockets_made(seven, seven) == 1);
  CHECK(sockets_made(seven, proxied) == 2);
  CHECK(sockets_made(with_socket({.local_port = 8}, proxied), seven) == 2);
  EngineWorld world;
  world.add("http://example.org/", seven);
  REQUIRE(world.connects.size() == 1);
  REQUIRE(world.connects[0].socket != nullptr);
  CHECK(world.connects[0].socket->local_port == 7);
}

TEST_CASE("sockets: a route makes its own streams, so these options mean nothing to it") {
  TransferOptions routed;
  routed.route = std::make_shared<NamedLine>();
  const TransferOptions with_both = with_socket({.local_port = 7}, routed);
  CHECK(sockets_made(routed, with_both) == 1);
  EngineWorld world;
  world.add("http://192.0.2.1/", with_both);
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].socket == nullptr);
}
