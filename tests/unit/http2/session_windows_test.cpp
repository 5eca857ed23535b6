// core/http2/session: windows (RFC 9113 5.2), ours and the peer's.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using test::Http2Peer;
namespace h2 = test::h2;

constexpr std::size_t kFrame = 16'384;

// How far the frames open the window of `stream`.
std::size_t opened(const std::vector<h2::Frame>& frames, std::uint32_t stream) {
  std::size_t bytes = 0;
  for (const h2::Frame& frame : frames) {
    if (frame.type == h2::kWindowUpdate && frame.stream == stream) bytes += frame.number_at(0);
  }
  return bytes;
}

void begin_response(Http2Peer& peer) {
  const auto stream = peer.open();
  peer.receive(h2::headers(stream, {{":status", "200"}}));
  peer.sent();
}

}  // namespace

TEST_CASE("SB-69 http2 windows: what is not consumed is never more than the window; consuming opens it again") {
  Http2Peer peer;
  peer.receive(h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, ""));  // ours hold from its answer on
  begin_response(peer);
  const std::string part(kFrame, 'x');
  std::size_t sent = 0;
  for (; sent < limits::kStreamWindowBytes; sent += kFrame) peer.receive(h2::data(1, part));
  CHECK_FALSE(peer.error);
  CHECK(peer[1].body.size() == limits::kStreamWindowBytes);
  CHECK(opened(peer.sent(), 1) == 0);
  SUBCASE("a byte too many ends the exchange") {
    peer.receive(h2::data(1, "y"));
    CHECK(peer[1].story == "hf");
    CHECK(peer[1].error.message().ends_with("(FLOW_CONTROL_ERROR)"));
    CHECK(peer[1].body.size() == limits::kStreamWindowBytes);
    CHECK(peer.session->reusable());
    const auto frames = peer.sent();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].type == h2::kReset);
  }
  SUBCASE("consumed, it goes on") {
    peer.session->consumed(1, limits::kStreamWindowBytes / 4);
    CHECK(opened(peer.sent(), 1) == 0);  // not for every bit
    peer.session->consumed(1, limits::kStreamWindowBytes / 2);
    CHECK(opened(peer.sent(), 1) == limits::kStreamWindowBytes / 4 * 3);
    peer.receive(h2::data(1, "y", h2::kEndStream));
    CHECK(peer[1].story == "hc");
  }
}

TEST_CASE("http2 windows: the connection's window is opened at once, also for an exchange that consumes nothing") {
  Http2Peer peer;
  peer.receive(h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, ""));
  const std::string part(kFrame, 'x');
  std::size_t received = 0, connection = 0;
  // More than the connection's window in all; none of these is consumed.
  while (received <= 2 * limits::kConnectionWindowBytes) {
    begin_response(peer);
    const http::StreamId stream = peer.exchanges.rbegin()->first;
    for (std::size_t of_this = 0; of_this < limits::kStreamWindowBytes; of_this += kFrame) {
      peer.receive(h2::data(stream, part));
      received += kFrame;
    }
    REQUIRE_FALSE(peer.error);
    connection += opened(peer.sent(), 0);
  }
  CHECK(connection + limits::kConnectionWindowBytes / 2 >= received);
}

TEST_CASE("http2 windows: the connection's window is opened for bytes of streams that were reset, and for padding") {
  Http2Peer peer;
  peer.receive(h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, ""));
  const std::string part(kFrame - 256, 'x');
  std::size_t connection = 0, received = 0;
  std::string data;
  bool is_padded = false;
  SUBCASE("reset") {
    begin_response(peer);
    peer.session->abort(1);
    peer.sent();
  }
  SUBCASE("reset, but the reset was not sent yet") {
    begin_response(peer);
    peer.session->abort(1);
  }
  SUBCASE("padding") {
    is_padded = true;
    begin_response(peer);
  }
  while (received <= limits::kConnectionWindowBytes + limits::kConnectionWindowBytes / 2) {
    const std::string padded = "\xff" + part + std::string(255, '\0');
    peer.receive(is_padded ? h2::frame(h2::kData, h2::kPadded, 1, padded) : h2::data(1, part));
    received += is_padded ? kFrame : part.size();
    const auto sent = peer.sent();
    connection += opened(sent, 0);
    if (is_padded) peer.session->consumed(1, part.size());
    REQUIRE_FALSE(peer.error);
  }
  CHECK(connection + limits::kConnectionWindowBytes / 2 >= received);
  if (is_padded) CHECK(peer[1].story == "h");
}

TEST_CASE("SB-69 http2 windows: what one has grown to is for those that consume as quickly, and opens no other one") {
  Http2Peer peer;
  peer.receive(h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, ""));
  begin_response(peer);
  begin_response(peer);
  const std::string part(kFrame, 'x');
  Instant now{std::chrono::seconds(10)};
  const auto consume_half = [&](std::uint32_t stream, std::chrono::milliseconds time) {
    peer.session->set_time(now += time);
    for (std::size_t bytes = 0; bytes < limits::kStreamWindowBytes / 2; bytes += kFrame) {
      peer.receive(h2::data(stream, part));
    }
    peer.session->consumed(stream, limits::kStreamWindowBytes / 2);
    return peer.sent();
  };
  std::string ping;
  for (const h2::Frame& frame : consume_half(3, {})) {
    if (frame.type == h2::kPing) ping = frame.payload;
  }
  peer.session->set_time(now += std::chrono::milliseconds(10));
  peer.receive(h2::ping(ping, h2::kAck));
  auto frames = consume_half(3, std::chrono::milliseconds(1));
  CHECK(opened(frames, 3) == limits::kStreamWindowBytes / 2 * 3);
  frames = consume_half(3, std::chrono::milliseconds(1));
  frames = consume_half(3, std::chrono::milliseconds(1));
  CHECK(opened(frames, 3) == limits::kStreamWindowBytes * 3);  // four times as large now
  CHECK(opened(frames, 1) == 0);
  const auto next = peer.open();
  CHECK(opened(peer.sent(), next) == 0);
  peer.receive(h2::headers(next, {{":status", "200"}}));
  frames = consume_half(next, std::chrono::milliseconds(1));
  CHECK(opened(frames, next) == limits::kStreamWindowBytes / 2 * 7);
  for (std::size_t bytes = 0; bytes < limits::kStreamWindowBytes; bytes += kFrame) peer.receive(h2::data(1, part));
  CHECK(peer[1].story == "h");
  peer.receive(h2::data(1, "y"));
  CHECK(peer[1].story == "hf");
}

}  // namespace sluice
