// CONNECT over HTTP/2 as a layer alone (RFC 9113 8.5): its request, its windows and its ends. With TLS and transfers:
// tests/unit/engine/http2_proxies_test.cpp. Without memory: tests/memory/http2_memory_test.cpp.
#include "core/proxy/stream_connect.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http2_frames.hpp"

namespace sluice {
namespace {

using std::chrono::milliseconds;
namespace h2 = test::h2;

// A tunnel, and the frames that it sends.
struct StreamTunnel {
  explicit StreamTunnel(Fields fields = {})
      : layer({.proxy = "https://p:443", .target = {"example.org", 443}, .fields = std::move(fields)}) {
    REQUIRE(layer.start(wire, now) == Pump::progressed);
    const auto frames = sent();
    const auto request = std::ranges::find(frames, h2::kHeaders, &h2::Frame::type);
    REQUIRE(request != frames.end());
    asked = request->fields;
  }
  Pump receive(std::string_view frames) {
    std::vector<std::uint8_t> buffer(frames.size() + 1);
    MutableBytes space(buffer);
    Bytes in = as_bytes(frames);
    const Pump pump = layer.decode(in, space, wire, now);
    plain += as_text(Bytes(buffer).first(buffer.size() - space.size()));
    return pump;
  }
  void open(std::string_view status = "200") {
    REQUIRE(receive(h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, "") +
                    h2::headers(1, {{":status", status}})) == Pump::need_input);
    sent();
  }
  std::vector<h2::Frame> sent() {
    reader.read(as_text(Bytes(wire)));
    wire.clear();
    return reader.take();
  }
  // What arrives of `bytes` in DATA frames.
  std::string send(std::string_view bytes) {
    Bytes in = as_bytes(bytes);
    CHECK(layer.encode(in, wire, 64 * 1024, now) == Pump::progressed);
    std::string data;
    for (const h2::Frame& frame : sent()) data += frame.type == h2::kData ? frame.payload : std::string();
    return data;
  }

  Now now{};
  proxy::StreamConnect layer;
  std::vector<std::uint8_t> wire;
  h2::ClientReader reader;
  std::string asked, plain;
};

Fields fields_for_proxy(const h2::FieldList& list) {
  Fields fields;
  for (const auto& [name, value] : list) REQUIRE(fields.add(name, value).has_value());
  return fields;
}

}  // namespace

TEST_CASE("stream connect: fields for the proxy that frame a message, or are of a connection, do not stop the tunnel") {
  StreamTunnel tunnel(fields_for_proxy({{"Expect", "100-continue"},
                                        {"Content-Length", "7"},
                                        {"TE", "trailers"},
                                        {"Trailer", "x"},
                                        {"Connection", "close, X-Named"},
                                        {"X-For-Proxy", "1"}}));
  CHECK(tunnel.asked == ":method: CONNECT\n:authority: example.org:443\nx-for-proxy: 1\n");
  tunnel.open();
  CHECK(tunnel.layer.established());
  CHECK(tunnel.send("hello") == "hello");
}

TEST_CASE("stream connect: a Proxy-Authorization of the application's own is sent alone") {
  const std::string own = "proxy-authorization: own\n";
  StreamTunnel tunnel(fields_for_proxy({{"Proxy-Authorization", "own"}}));
  CHECK(tunnel.asked == ":method: CONNECT\n:authority: example.org:443\n" + own);
}

TEST_CASE("stream connect: any 2xx opens the tunnel, 204 too (RFC 9110 9.3.6)") {
  for (const std::string_view status : {"200", "204", "299"}) {
    CAPTURE(status);
    StreamTunnel tunnel;
    tunnel.open(status);
    REQUIRE(tunnel.layer.established());
    CHECK(tunnel.receive(h2::data(1, "from the target")) == Pump::need_input);
    CHECK(tunnel.plain == "from the target");
    CHECK(tunnel.send("to the target") == "to the target");
    CHECK(tunnel.receive(h2::data(1, "", h2::kEndStream)) == Pump::closed);
    CHECK(tunnel.layer.eof_is_clean());
  }
}

TEST_CASE("stream connect: its window grows while that limits the speed") {
  for (const auto& [per_frame, grows] : {std::pair(milliseconds(10), false), std::pair(milliseconds(1), true)}) {
    StreamTunnel tunnel;
    tunnel.now.steady = Instant(std::chrono::seconds(10));
    tunnel.open();
    const std::string part(16'384, 'x');
    std::int64_t opened = 0, received = 0, most = 0;
    Instant answer_at{};
    std::string ping;
    for (int i = 0; i < 200; ++i) {
      tunnel.now.steady += per_frame;
      if (!ping.empty() && tunnel.now.steady >= answer_at) tunnel.receive(h2::ping(std::exchange(ping, {}), h2::kAck));
      REQUIRE(tunnel.receive(h2::data(1, part)) == Pump::need_input);
      received += static_cast<std::int64_t>(part.size());
      for (const h2::Frame& frame : tunnel.sent()) {
        if (frame.type == h2::kWindowUpdate && frame.stream == 1) opened += frame.number_at(0);
        if (frame.type != h2::kPing || frame.flags != 0) continue;
        ping = frame.payload;
        answer_at = tunnel.now.steady + milliseconds(10);
      }
      most = std::max(most, opened - received);
    }
    CHECK((most > 256 * 1024) == grows);
  }
}

}  // namespace sluice
