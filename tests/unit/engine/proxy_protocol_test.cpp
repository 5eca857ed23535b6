// TransferOptions::proxy_protocol: the line that connections begin with, and who shares them.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kAnnounced = "PROXY TCP4 198.51.100.5 192.0.2.1 4000 80\r\n";

TransferOptions announced(std::string_view client = {}, TransferOptions options = {}) {
  options.proxy_protocol =
      std::make_shared<const ProxyProtocol>(ProxyProtocol{IpAddress::parse(client).value_or(IpAddress{})});
  return options;
}

void connect_from_here(EngineWorld& world) {
  world.engine.handle_connected(newest(world), world.now, {IpAddress::parse("198.51.100.5").value(), 4000});
  world.drain();
}

struct Pipe : Route {
  Pipe() : Route("pipe", "pipe", 0) {}
};

std::size_t announced_connects(const TransferOptions& first, const TransferOptions& second) {
  EngineWorld world;
  one_get(world, "http://192.0.2.1/", first);
  world.add("http://192.0.2.1/", second);
  return world.connects.size();
}

}  // namespace

TEST_CASE("PROXY protocol: the line is sent before the first request of a connection, and before no other") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/a", announced());
  CHECK(world.connects[0].wants_local);
  connect_from_here(world);
  CHECK(world.sent(newest(world)) == std::string(kAnnounced) + "GET /a HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  world.add("http://192.0.2.1/b", announced());
  CHECK(world.sent(newest(world)) == "GET /b HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
  CHECK(world.connects.size() == 1);
  world.add("http://192.0.2.1/");
  REQUIRE(world.connects.size() == 2);
  CHECK_FALSE(world.connects[1].wants_local);
}

TEST_CASE("PROXY protocol: a client's address in place of the own one, and a route without addresses") {
  EngineWorld world;
  world.add("http://192.0.2.1/", announced("203.0.113.7"));
  connect_from_here(world);
  CHECK(world.sent(newest(world)).starts_with("PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\nGET "));
  TransferOptions options;
  options.route = std::make_shared<Pipe>();
  world.add("http://a.test/", announced("203.0.113.7", options));
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).starts_with("PROXY UNKNOWN\r\nGET "));
}

TEST_CASE("PROXY protocol: in a tunnel it is for the origin, else for the proxy that forwards") {
  EngineWorld world;
  Proxy proxy = proxy_at(ProxyKind::http);
  world.add("http://192.0.2.1/", announced({}, through(proxy)));
  CHECK(world.connects[0].wants_local);
  connect_from_here(world);
  CHECK(
      world.sent(newest(world)).starts_with("PROXY TCP4 198.51.100.5 192.0.2.99 4000 3128\r\nGET http://192.0.2.1/ "));
  proxy.tunnel = true;
  world.add("http://192.0.2.1/", announced({}, through(proxy)));
  connect_from_here(world);
  CHECK(world.sent(newest(world)).starts_with("CONNECT "));
  world.receive(newest(world), "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(world.sent(newest(world)).starts_with("PROXY TCP4 198.51.100.5 192.0.2.99 4000 3128\r\nGET / "));
}

TEST_CASE("SB-05 PROXY protocol: connections with different lines are not shared") {
  CHECK(announced_connects(announced(), announced()) == 1);
  CHECK(announced_connects(announced("203.0.113.7"), announced("203.0.113.7")) == 1);
  CHECK(announced_connects(announced(), {}) == 2);
  CHECK(announced_connects({}, announced()) == 2);
  CHECK(announced_connects(announced(), announced("203.0.113.7")) == 2);
  CHECK(announced_connects(announced("203.0.113.7"), announced("203.0.113.8")) == 2);
  CHECK(announced_connects(announced("203.0.113.7"), announced("2001:db8::1")) == 2);
  const TransferOptions proxied = through(proxy_at(ProxyKind::http));
  CHECK(announced_connects(announced("203.0.113.7", proxied), announced("203.0.113.7", proxied)) == 1);
  CHECK(announced_connects(announced("203.0.113.7", proxied), announced("203.0.113.8", proxied)) == 2);
  CHECK(announced_connects(proxied, announced({}, proxied)) == 2);
}
