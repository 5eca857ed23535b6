// output::ConnectHead: what is told of the handshake for a tunnel.
#include <doctest/doctest.h>

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Proxy asking_proxy() {
  Proxy proxy = proxy_at(ProxyKind::http);
  proxy.tunnel = true;
  proxy.user = "me";
  proxy.schemes = {.basic = true, .digest = true};
  return proxy;
}

}  // namespace

TEST_CASE("connect heads: the heads of CONNECT are told of for a transfer that wants them, and for no other") {
  const std::string_view interim = "HTTP/1.1 103 Hints\r\n\r\n", opened = "HTTP/1.1 200 Fine\r\nVia: p\r\n\r\n";
  const std::string asked = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=p\r\nContent-Length: 4\r\n\r\n";
  for (const bool wanted : {true, false}) {
    EngineWorld world;
    std::vector<output::ConnectHead> seen;
    std::string order;
    world.watcher = [&](const Output& output) {
      if (const auto* head = std::get_if<output::ConnectHead>(&output)) seen.push_back(*head), order += 'c';
      if (std::holds_alternative<output::HeadSent>(output)) order += 's';
    };
    TransferOptions options = through(asking_proxy());
    options.report_heads = wanted;
    const TransferId id = world.add("http://example.org/", options);
    const ConnId conn = newest(world);
    world.connected(conn);
    const std::string first = world.sent(conn);
    for (const char byte : asked + "body") world.receive(conn, std::string_view(&byte, 1));
    const std::string second = world.sent(conn);
    CHECK(second.contains("Proxy-Authorization: Basic"));
    world.receive(conn, std::string(interim) + std::string(opened));
    CHECK(world.sent(conn).starts_with("GET / HTTP/1.1\r\n"));
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
    if (!wanted) {
      CHECK(order.empty());
      continue;
    }
    CHECK(order == "cccccs");
    const std::string texts[] = {first, asked, second, std::string(interim), std::string(opened)};
    const bool received[] = {false, true, false, true, true};
    REQUIRE(seen.size() == std::size(texts));
    for (std::size_t i = 0; i < seen.size(); ++i) {
      CHECK((seen[i].transfer == id && seen[i].conn == conn));
      CHECK(seen[i].head == texts[i]);
      CHECK(seen[i].received == received[i]);
    }
  }
}

TEST_CASE("connect heads: the head of a refusal is told of before its transfer's end") {
  EngineWorld world;
  std::string order;
  world.watcher = [&](const Output& output) {
    if (const auto* head = std::get_if<output::ConnectHead>(&output)) order += head->received ? 'r' : 's';
    if (std::holds_alternative<output::Done>(output)) order += 'd';
  };
  TransferOptions options = through(asking_proxy());
  options.report_heads = true;
  world.add("http://example.org/", options);
  world.connected(newest(world));
  world.receive(newest(world), "HTTP/1.1 403 No\r\n\r\n");
  CHECK(order == "srd");
}
