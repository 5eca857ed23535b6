// TLS within TLS on one Channel, as for an origin behind an HTTPS proxy: two handshakes, two identities, two stores for
// session tickets.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "core/channel/channel.hpp"
#include "core/http1/session.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kNoon;

namespace {

tls::ClientParams params_for(std::string host, tls::SessionCache& cache) {
  auto params = test::example_params();
  params.host = host;
  params.sessions = &cache;
  params.session_key = std::move(host);
  return params;
}

// A proxy that decrypts and hands what it got to an origin that decrypts again.
struct Tunnel {
  Tunnel(const sim::TlsServerContext& proxy_context, const sim::TlsServerContext& origin_context,
         tls::SessionCache& cache)
      : proxy(proxy_context), origin(origin_context) {
    auto outer = tls::make_client(params_for("proxy.example", cache));
    auto inner = tls::make_client(params_for("example.org", cache));
    REQUIRE(outer.has_value());
    REQUIRE(inner.has_value());
    outer_layer = outer->get();
    inner_layer = inner->get();
    channel.push_layer(std::move(*outer));
    channel.push_layer(std::move(*inner));
    channel.start(now);
  }

  void run() {
    for (int round = 0; round < 50; ++round) {
      bool moved = false;
      while (channel.has_output()) {
        const Bytes wire = channel.transmit().spans[0];
        const std::vector<std::uint8_t> copy(wire.begin(), wire.end());
        channel.sent(copy.size(), touched, now);
        REQUIRE(proxy.feed(copy));
        moved = true;
      }
      if (!proxy.plain().empty()) REQUIRE(origin.feed(as_bytes(std::exchange(proxy.plain(), {}))));
      if (!origin.output().empty() && proxy.handshake_done()) {
        REQUIRE(proxy.write(std::exchange(origin.output(), {})));
      }
      if (!proxy.output().empty()) {
        const std::vector<std::uint8_t> copy = std::exchange(proxy.output(), {});
        const MutableBytes space = landing.wire().first(copy.size());
        std::memcpy(space.data(), copy.data(), copy.size());
        received += as_text(channel.decode(space, landing, now));
        REQUIRE_FALSE(channel.fault());
        channel.become_ready();
        moved = true;
      }
      if (!moved) return;
    }
    FAIL("it never comes to rest");
  }

  Now now{Instant{}, kNoon};
  sim::TlsServer proxy, origin;
  channel::Channel channel;
  channel::Landing landing;
  std::vector<http::StreamId> touched;
  const tls::ClientLayer* outer_layer = nullptr;
  const tls::ClientLayer* inner_layer = nullptr;
  std::string received;
};

}  // namespace

TEST_CASE("SB-07 a late ticket from an HTTPS proxy is offered to that proxy again and never to the origin") {
  const auto proxy = test::make_context(test::server_for({"proxy.example"}));
  const auto quiet = [] {
    auto options = test::example_server();
    options.tickets = false;  // so that any ticket at hand is the proxy's
    return options;
  }();
  const auto origin = test::make_context(quiet);
  tls::SessionCache cache;
  for (int visit = 0; visit < 3; ++visit) {
    CAPTURE(visit);
    Tunnel tunnel(proxy, origin, cache);
    tunnel.run();
    REQUIRE(tunnel.channel.phase() == channel::ChannelPhase::ready);
    CHECK(tunnel.proxy.server_name() == "proxy.example");
    CHECK(tunnel.origin.server_name() == "example.org");
    CHECK(tunnel.outer_layer->verified());
    CHECK(tunnel.inner_layer->verified());
    // The proxy's tickets came with its first bytes, in the middle of the origin's handshake.
    CHECK(cache.size() > 0);
    CHECK(tunnel.outer_layer->resumed() == (visit > 0));
    CHECK_FALSE(tunnel.inner_layer->resumed());
    CHECK_FALSE(tunnel.origin.resumed());

    tunnel.channel.set_session(http1::make_session());
    Request request;
    request.url = *Url::parse("https://example.org/x");
    ResponseHead head;
    REQUIRE(tunnel.channel.session()->open({&request, nullptr, &head, nullptr}));
    tunnel.channel.pump(tunnel.now);
    tunnel.run();
    CHECK(tunnel.origin.plain() == "GET /x HTTP/1.1\r\nHost: example.org\r\n\r\n");
    REQUIRE(tunnel.origin.write(as_bytes("HTTP/1.1 204 No Content\r\n\r\n")));
    tunnel.run();
    CHECK(tunnel.received == "HTTP/1.1 204 No Content\r\n\r\n");
  }
}
