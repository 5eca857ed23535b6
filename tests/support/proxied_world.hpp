// A world with an https proxy that speaks HTTP/2, and with an origin in its tunnels.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_frames.hpp"
#include "tests/support/proxies.hpp"

namespace sluice::test {

inline sim::TlsServerOptions speaks(std::vector<std::string> alpn) {
  sim::TlsServerOptions options = example_server();
  options.alpn = std::move(alpn);
  return options;
}

inline std::string reply(std::uint32_t stream, std::string_view status, std::string_view body = "x",
                         h2::FieldList more = {}) {
  h2::FieldList fields = {{":status", status}};
  fields.insert(fields.end(), more.begin(), more.end());
  return h2::headers(stream, fields) + h2::data(stream, body, h2::kEndStream);
}

inline constexpr std::string_view kBasic = "proxy-authorization: Basic bWU6c2VjcmV0\n";

// An https proxy, and an origin in its tunnels; both are example.org.
struct ProxiedWorld : TlsWorld {
  explicit ProxiedWorld(std::vector<std::string> alpn = {"h2", "http/1.1"}, EngineOptions engine_options = {})
      : TlsWorld(trusting_options(), speaks(std::move(alpn)), std::move(engine_options)),
        proxy(proxy_at(ProxyKind::https, "example.org", 443)) {
    proxy.tls = options.tls;
    proxy.http2 = true;
    use();
  }
  void use() { options.proxies = always({proxy}); }

  // A connection to the proxy, which has read the requests that begin it.
  ConnId meet() {
    conn = connect();
    reader = std::make_unique<h2::ClientReader>();
    requests.clear();
    carry(conn);
    read();
    return conn;
  }
  void read() {
    reader->read(std::exchange(server(conn).plain(), {}));
    for (h2::Frame& frame : reader->take()) {
      if (frame.type == h2::kData && origin) {
        origin->feed(as_bytes(frame.payload));
      } else if (frame.type == h2::kData) {
        tunneled += frame.payload;
      }
      if (frame.type == h2::kWindowUpdate && frame.stream != 0) granted += frame.number_at(0);
      if (frame.type == h2::kPing && (frame.flags & h2::kAck) == 0) pings.push_back(frame);
      if (frame.type == h2::kReset) resets.push_back(frame);
      if (frame.type == h2::kHeaders) requests.push_back(std::move(frame));
    }
  }
  void say(std::string_view frames, std::size_t step = SIZE_MAX) {
    if (!frames.empty()) REQUIRE(server(conn).write(as_bytes(frames)));
    carry(conn, step);
    read();
  }
  // The tunnel `stream` is open: moves bytes between the engine and the origin until none are left.
  void carry_tunnel(std::uint32_t stream, std::size_t step = SIZE_MAX) {
    do {
      say({}, step);
      std::string frames;
      std::string bytes(as_text(Bytes(origin->output())));
      origin->output().clear();
      for (std::size_t at = 0; at < bytes.size(); at += 16'000) {
        frames += h2::data(stream, std::string_view(bytes).substr(at, 16'000));
      }
      say(frames, step);
    } while (!origin->output().empty());
  }
  void open_tunnel(std::uint32_t stream = 1, std::vector<std::string> alpn = {"http/1.1"}) {
    context_of_origin.emplace(make_context(speaks(std::move(alpn))));
    origin.emplace(*context_of_origin);
    say(h2::settings() + h2::headers(stream, {{":status", "200"}}));
    carry_tunnel(stream);
  }

  Proxy proxy;
  ConnId conn;
  std::unique_ptr<h2::ClientReader> reader;
  std::vector<h2::Frame> requests, resets, pings;
  std::string tunneled;
  std::uint64_t granted = 0;
  std::optional<sim::TlsServerContext> context_of_origin;
  std::optional<sim::TlsServer> origin;
};

}  // namespace sluice::test
