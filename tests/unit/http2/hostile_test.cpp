// core/http2/session against a server that breaks the rules (SB-64 to SB-68): each with its cap in
// core/base/limits.hpp. What one response may not hold: response_reader_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using test::Http2Peer;
using test::with_every_split;
using namespace std::string_literals;
namespace h2 = test::h2;

// Gives `frame` until the session fails, at most `most` times; how often it was taken.
std::size_t flood(Http2Peer& peer, const std::string& frame, std::size_t most, bool reads_answers = false) {
  std::size_t taken = 0;
  for (; taken < most; ++taken) {
    peer.receive(frame);
    if (peer.error) break;
    if (reads_answers) peer.sent();
  }
  return taken;
}

bool failed_with(const Http2Peer& peer, std::string_view why) {
  if (!peer.error) return false;
  CHECK(peer.error->code == Code::http2_error);
  CHECK(peer.error->blame == Blame::peer);
  CHECK_FALSE(peer.session->reusable());
  return peer.error->message().find(why) != std::string::npos;
}

constexpr std::size_t kPlenty = 100'000;

}  // namespace

TEST_CASE("SB-64 http2 hostile: nine CONTINUATION frames are a connection error, empty ones too; eight are not") {
  for (const std::string& payload : {std::string(), h2::block({{"x", "y"}})}) {
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.receive(h2::settings() + h2::frame(h2::kHeaders, 0, 1, h2::block({{":status", "200"}})));
      for (int i = 0; i < 8; ++i) peer.receive(h2::frame(h2::kContinuation, 0, 1, payload));
      CHECK_FALSE(peer.error);
      peer.receive(h2::frame(h2::kContinuation, h2::kEndHeaders, 1, payload));
      CHECK(failed_with(peer, "CONTINUATION"));
      CHECK(peer.order.empty());
    });
  }
}

TEST_CASE("SB-65 http2 hostile: PING and SETTINGS while our answers are not read: the queue is bounded") {
  for (const std::string& frame : {h2::ping(), h2::settings()}) {
    Http2Peer peer;
    peer.receive(h2::settings());
    peer.sent();
    CHECK(flood(peer, frame, kPlenty) == limits::kMaxUnansweredFrames);
    CHECK(failed_with(peer, "a flood of PING or SETTINGS"));
    CHECK(peer.session->output().size_bytes() <= (limits::kMaxUnansweredFrames + 2) * 17);
  }
}

TEST_CASE("SB-65 http2 hostile: requests and resets that the peer does not take are bounded, and so are priorities") {
  constexpr std::size_t kHeadBytes = 10'000;
  Http2Peer peer;
  peer.receive(h2::settings({{9, 1}}));
  peer.sent();
  const auto kept = peer.open();
  std::size_t given_up = 0;
  for (; peer.session->open_capacity() > 0 && given_up < kPlenty; ++given_up) {
    peer.session->abort(peer.open("GET", {}, {{"x-large", std::string(kHeadBytes, 'x')}}));
  }
  CHECK(peer.session->output().size_bytes() >= limits::kMaxUnsentBytes);
  CHECK(peer.session->output().size_bytes() < limits::kMaxUnsentBytes + kHeadBytes + 1'000);
  CHECK(peer.session->reusable());
  CHECK_FALSE(peer.session->deadline());
  const std::size_t waits = peer.session->output().size_bytes();
  for (int i = 0; i < 100; ++i)
    peer.session->set_priority(kept, {.urgency = i % 2 == 0 ? std::uint8_t{0} : std::uint8_t{7}});
  CHECK(peer.session->output().size_bytes() == waits);
  // It is told once when there is room again.
  peer.session->advance_output(waits - limits::kMaxUnsentBytes);
  CHECK(peer.session->open_capacity() == 0);
  CHECK_FALSE(peer.session->deadline());
  peer.session->advance_output(1);
  CHECK(peer.session->open_capacity() == limits::kMaxStreams - 1);
  CHECK(peer.session->deadline() == Instant{});
  peer.timeout(Instant{std::chrono::seconds(1)});
  CHECK_FALSE(peer.session->deadline());
  CHECK_FALSE(peer.error);
  peer.session->advance_output(peer.session->output().size_bytes());
  CHECK_FALSE(peer.session->deadline());
  peer.receive(h2::headers(kept, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer[kept].story == "hc");
}

TEST_CASE("http2 hostile: PING after PING is right in the middle of an upload that never leaves the output empty") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 0x7fff'ffff}}) + h2::window_update(0, 0x7fff'0000 - 65'535));
  const std::string body(32 * 1024 * 1024, 'u');
  peer.open("POST", BodyView{as_bytes(body)});
  for (std::size_t i = 0; i < 2 * limits::kMaxUnansweredFrames && !peer.error; ++i) {
    peer.receive(h2::ping());
    const std::size_t waits = peer.session->output().size_bytes();
    REQUIRE(waits > 36);
    peer.session->advance_output(waits - 36);  // the answer is among what was taken, or is with the next
  }
  CHECK_FALSE(peer.error);
}

TEST_CASE("http2 hostile: PING after PING whose answers are read is right") {
  Http2Peer peer;
  peer.receive(h2::settings());
  CHECK(flood(peer, h2::ping(), 5'000, true) == 5'000);
}

TEST_CASE(
    "http2 hostile: frames without data are bounded: PRIORITY, WINDOW_UPDATE, empty DATA, answers, unknown ones") {
  const std::string frames[] = {h2::frame(h2::kPriority, 0, 1, std::string(5, '\0')),
                                h2::window_update(0, 1),
                                h2::window_update(1, 1),
                                h2::data(1, ""),
                                h2::frame(h2::kData, h2::kPadded, 1, std::string(3, '\2')),
                                h2::frame(0xfa, 0, 0, "x"),
                                h2::ping("12345678", h2::kAck)};
  for (const std::string& frame : frames) {
    CAPTURE(static_cast<int>(frame[3]));
    Http2Peer peer;
    peer.receive(h2::settings());
    peer.open();
    peer.receive(h2::headers(1, {{":status", "200"}}));
    const std::size_t taken = flood(peer, frame, kPlenty, true);
    CHECK(taken < limits::kMaxIdleFrames + 10);
    CHECK(taken > limits::kMaxIdleFrames - 100);
    CHECK(failed_with(peer, "a flood of frames without data"));
  }
}

TEST_CASE("http2 hostile: a body in frames of one byte is right, and so is an upload with updates of one byte") {
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.open();
  peer.receive(h2::headers(1, {{":status", "200"}}));
  CHECK(flood(peer, h2::data(1, "x"), 20'000, true) == 20'000);
  Http2Peer upload;
  upload.receive(h2::settings({{h2::kInitialWindow, 0}}));
  upload.open("POST", BodyOwned(std::string(30'000, 'x')));
  upload.sent();
  CHECK(flood(upload, h2::window_update(1, 1), 20'000, true) == 20'000);
}

TEST_CASE(
    "http2 hostile: answers to our PINGs are no flood, nor are interim responses, nor the rest of what we gave up") {
  {
    Http2Peer peer({.ping_interval = std::chrono::seconds(1)});
    peer.receive(h2::settings());
    Instant now{std::chrono::seconds(1'000)};
    for (std::size_t i = 0; i < 2 * limits::kMaxIdleFrames + 100 && !peer.error; ++i) {
      peer.timeout(now += std::chrono::seconds(1));
      for (const h2::Frame& frame : peer.sent()) {
        if (frame.type == h2::kPing) peer.receive(h2::ping(frame.payload, h2::kAck));
      }
    }
    CHECK_FALSE(peer.error);
  }
  {
    Http2Peer peer;
    peer.receive(h2::settings());
    peer.open();
    CHECK(flood(peer, h2::headers(1, {{":status", "103"}}), 15'000) == 15'000);
  }
  Http2Peer peer;
  peer.receive(h2::settings());
  for (int i = 0; i < 500 && !peer.error; ++i) {
    const auto stream = peer.open();
    peer.sent();
    peer.session->abort(stream);
    for (std::size_t n = 0; n < limits::kIdleFramesPerAbort; ++n) peer.receive(h2::data(stream, "x"));
    peer.sent();
  }
  CHECK_FALSE(peer.error);
}

TEST_CASE("http2 hostile: what the windows of given-up exchanges allowed may still come, and does not end the others") {
  constexpr std::size_t kExchanges = 10, kFrameBytes = 400;
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.open();
  std::string frames;
  for (std::size_t i = 0; i < kExchanges; ++i) {
    const auto stream = peer.open();
    peer.receive(h2::headers(stream, {{":status", "200"}}));
    const std::string frame = h2::data(stream, std::string(kFrameBytes, 'x'));
    for (std::size_t n = 0; n < limits::kStreamWindowBytes / kFrameBytes; ++n) frames += frame;
  }
  peer.sent();
  for (std::uint32_t i = 0; i < kExchanges; ++i) peer.session->abort(3 + 2 * i);
  peer.receive(frames);
  REQUIRE_FALSE(peer.error);
  peer.receive(h2::headers(1, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer[1].story == "hc");
  // But not without end.
  peer.open();
  flood(peer, h2::data(3, std::string(kFrameBytes, 'x')), 100'000, true);
  CHECK(failed_with(peer, "a flood of frames without data"));
}

TEST_CASE("http2 hostile: the rest of what broke a rule may still come as well, and does not end the others") {
  constexpr std::size_t kExchanges = 10, kFrameBytes = 400;
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.open();
  for (std::size_t i = 0; i < kExchanges; ++i) {
    const auto stream = peer.open();
    peer.receive(h2::headers(stream, {{":status", "200"}, {"content-length", "1"}}));
    const std::string frame = h2::data(stream, std::string(kFrameBytes, 'x'));
    for (std::size_t n = 0; n < limits::kStreamWindowBytes / kFrameBytes; ++n) peer.receive(frame);
    CHECK(peer[stream].story == "hf");
    peer.sent();
  }
  REQUIRE_FALSE(peer.error);
  peer.receive(h2::headers(1, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer[1].story == "hc");
}

TEST_CASE("http2 hostile: frames on closed streams are bounded, with data too") {
  for (const std::string& frame : {h2::data(1, "x"), h2::reset(1, 8), h2::headers(1, {{":status", "200"}})}) {
    Http2Peer peer;
    peer.receive(h2::settings());
    peer.open();
    peer.session->abort(1);
    peer.sent();
    flood(peer, frame, kPlenty, true);
    REQUIRE(peer.error);
    CHECK(peer.error->code == Code::http2_error);
  }
}

TEST_CASE("http2 hostile: frames on streams that were never opened are a connection error") {
  for (const std::string& frame :
       {h2::data(7, "x"), h2::reset(7, 8), h2::window_update(7, 1), h2::headers(7, {{":status", "200"}}),
        h2::headers(2, {{":status", "200"}}), h2::data(1, "before the head"), h2::data(0, "x"),
        h2::headers(0, {{":status", "200"}})}) {
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.receive(h2::settings() + frame);
      CHECK(failed_with(peer, "PROTOCOL_ERROR"));
    });
  }
}

TEST_CASE(
    "SB-66 http2 hostile: exchanges that we are made to reset are bounded, and so are those that the peer resets") {
  Http2Peer peer;
  peer.receive(h2::settings());
  std::size_t resets = 0;
  for (; resets < 1'000 && !peer.error; ++resets) {
    const auto stream = peer.open();
    peer.receive(h2::headers(stream, {{"no-status", ""}}, h2::kEndStream));
    CHECK(peer[stream].story == "f");
    peer.sent();
  }
  CHECK(resets == limits::kMaxProvokedResets + 1);
  CHECK(failed_with(peer, "too many exchanges that broke the rules"));
}

TEST_CASE("SB-67 http2 hostile: a PUSH_PROMISE is a connection error") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() +
                 h2::frame(h2::kPushPromise, h2::kEndHeaders, 1, h2::number(2, 4) + h2::block({{":path", "/"}})));
    CHECK(failed_with(peer, "PUSH_PROMISE"));
  });
}

TEST_CASE("SB-22 http2 hostile: a decoded head that is too large fails its exchange; the others go on (HPACK bombs)") {
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.open();
  peer.open();
  // A field of 4,000 bytes goes into the table (RFC 7541 6.2.1); then each byte means it again.
  const std::string field = "\x40" + h2::hpack_string("bomb") + h2::hpack_string(std::string(4'000, 'x'));
  peer.receive(h2::frame(h2::kHeaders, h2::kEndHeaders, 1,
                         h2::block({{":status", "200"}}) + field + std::string(12'000, '\xbe')));
  CHECK(peer[1].story == "f");
  CHECK(peer[1].error.code == Code::response_too_large);
  CHECK(peer[1].head.fields.text_bytes() <= limits::kMaxHeadBytes);
  peer.receive(h2::headers(3, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer[3].story == "hc");
  CHECK_FALSE(peer.error);
}

TEST_CASE(
    "http2 hostile: broken HPACK, frames that are too large, and blocks that are cut into are connection errors") {
  const std::string frames[] = {
      h2::frame(h2::kHeaders, h2::kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"),
      h2::number(16'385, 3) + h2::frame(h2::kData, 0, 1, std::string(16'385, 'x')).substr(3),
      h2::frame(h2::kHeaders, 0, 1, h2::block({{":status", "200"}})) + h2::ping(),
      h2::frame(h2::kContinuation, h2::kEndHeaders, 1, ""),
      h2::frame(h2::kSettings, 0, 1, ""),
      h2::frame(h2::kPing, 0, 0, "short"),
      h2::window_update(0, 0),
      h2::window_update(0, 0x7fff'ffff),
      h2::settings({{h2::kInitialWindow, 0x8000'0000}}),
      h2::settings({{5, 1}}),
      h2::frame(h2::kData, h2::kPadded, 1, "\x09short"),
      h2::frame(h2::kReset, 0, 0, "1234"),
      h2::frame(h2::kGoaway, 0, 1, "12345678"),
  };
  for (const std::string& frame : frames) {
    CAPTURE(&frame - frames);
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.receive(h2::settings() + frame);
      CHECK(failed_with(peer, "HTTP/2: "));
      CHECK(peer.error->message().ends_with(")"));
    });
  }
}

TEST_CASE("http2 hostile: an update that makes a stream's window too large ends that exchange alone") {
  with_every_split([](Http2Peer& peer) {
    peer.open("POST", BodyStream{});
    peer.open();
    peer.receive(h2::settings() + h2::window_update(1, 0x7fff'ffff) +
                 h2::headers(3, {{":status", "200"}}, h2::kEndStream));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story == "f");
    CHECK(peer[1].error.message().ends_with("(FLOW_CONTROL_ERROR)"));
    CHECK(peer[3].story == "hc");
  });
}

TEST_CASE("http2 hostile: what is no HTTP/2 is found with the first frame's header, and HTTP/1 by its name") {
  for (const std::string_view text : {"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"}) {
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.receive(text);
      CHECK(failed_with(peer, "the server answers in HTTP/1"));
    });
  }
  for (const std::string& text : {h2::ping(), h2::frame(h2::kSettings, h2::kAck, 0, ""), "220 smtp.example\r\n"s}) {
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.receive(text);
      CHECK(failed_with(peer, "does not begin with SETTINGS"));
    });
  }
}

}  // namespace sluice
