// core/http2/session: request bodies: windows of the peer, 100 (Continue), and responses that come before the end.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using test::Http2Peer;
using test::with_every_split;
namespace h2 = test::h2;

struct Sent {
  std::string body;
  bool ended = false;
  std::size_t frames = 0;
};

// The DATA frames of one stream.
Sent data_of(const std::vector<h2::Frame>& frames, std::uint32_t stream) {
  Sent sent;
  for (const h2::Frame& frame : frames) {
    if (frame.type != h2::kData || frame.stream != stream) continue;
    CHECK_FALSE(sent.ended);
    sent.body += frame.payload;
    sent.ended = (frame.flags & h2::kEndStream) != 0;
    ++sent.frames;
  }
  return sent;
}

bool has_reset(const std::vector<h2::Frame>& frames, std::uint32_t stream, std::uint32_t code) {
  for (const h2::Frame& frame : frames) {
    if (frame.type == h2::kReset && frame.stream == stream && frame.number_at(0) == code) return true;
  }
  return false;
}

void put(Http2Peer& peer, http::StreamId stream, std::string_view text) {
  http::UploadBody& upload = *peer[stream].upload;
  const MutableBytes space = upload.space();
  REQUIRE(space.size() >= text.size());
  std::ranges::copy(as_bytes(text), space.begin());
  upload.commit(text.size());
  peer.session->upload_changed(stream);
}

void finish(Http2Peer& peer, http::StreamId stream) {
  REQUIRE(peer[stream].upload->finish());
  peer.session->upload_changed(stream);
}

}  // namespace

TEST_CASE("http2 upload: a body of known length, its length in a field, its end in its last frame") {
  with_every_split([](Http2Peer& peer) {
    peer.receive(h2::settings());
    peer.sent();
    peer.open("POST", BodyOwned("hello"), {{"X-Case", "Kept"}});
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].flags == h2::kEndHeaders);
    CHECK(sent[0].fields.ends_with("x-case: Kept\ncontent-length: 5\n"));
    CHECK(sent[1].type == h2::kData);
    CHECK(sent[1].flags == h2::kEndStream);
    CHECK(sent[1].payload == "hello");
    CHECK(peer.session->request_sent(1));
    CHECK_FALSE(peer.session->wants_upload(1));
  });
}

TEST_CASE("http2 upload: an empty body ends the head; a POST without one says so") {
  Http2Peer peer;
  peer.open("POST");
  peer.open("PUT", BodyOwned(""));
  peer.open("POST", BodyStream{.length = 0});
  const auto sent = peer.sent();
  REQUIRE(sent.size() == 3);
  for (const h2::Frame& frame : sent) {
    CHECK(frame.flags == (h2::kEndHeaders | h2::kEndStream));
    CHECK(frame.fields.ends_with("content-length: 0\n"));
  }
}

TEST_CASE("http2 upload: a streamed body: nothing is sent while there is nothing, and no frame is held") {
  Http2Peer peer;
  peer.receive(h2::settings());
  const auto stream = peer.open("POST", BodyStream{});
  auto sent = peer.sent();
  CHECK(sent.back().fields.find("content-length") == std::string::npos);
  CHECK(data_of(sent, stream).frames == 0);
  CHECK(peer.session->wants_upload(stream));
  CHECK(peer.session->output().empty());
  put(peer, stream, "one");
  CHECK(data_of(peer.sent(), stream).body == "one");
  CHECK_FALSE(peer.session->request_sent(stream));
  peer.session->upload_changed(stream);
  CHECK(peer.sent().empty());
  put(peer, stream, "two");
  finish(peer, stream);
  const Sent rest = data_of(peer.sent(), stream);
  CHECK(rest.body == "two");
  CHECK(rest.ended);
  CHECK(peer.session->request_sent(stream));
}

TEST_CASE("http2 upload: the peer's windows are kept: its first, smaller, negative, one byte, and the connection's") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 10}}));
  const auto stream = peer.open("POST", BodyOwned(std::string(200, 'x')));
  CHECK(data_of(peer.sent(), stream).body.size() == 10);
  peer.receive(h2::settings({{h2::kInitialWindow, 4}}));  // now it is -6
  CHECK(data_of(peer.sent(), stream).frames == 0);
  peer.receive(h2::window_update(stream, 6));
  CHECK(data_of(peer.sent(), stream).frames == 0);
  for (int i = 0; i < 5; ++i) {
    peer.receive(h2::window_update(stream, 1));
    CHECK(data_of(peer.sent(), stream).body.size() == 1);
  }
  peer.receive(h2::settings({{h2::kInitialWindow, 1'000}}));
  const Sent rest = data_of(peer.sent(), stream);
  CHECK(rest.body.size() == 185);
  CHECK(rest.ended);
}

TEST_CASE("http2 upload: bodies share the connection and its window, and one without bytes holds nothing") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 1'000'000}}) + h2::window_update(0, 1'000'000));
  const std::string body(300'000, 'b');
  const auto waits = peer.open("POST", BodyStream{});
  const auto one = peer.open("POST", BodyOwned(body));
  const auto other = peer.open("POST", BodyOwned(body));
  std::size_t of_one = 0, of_other = 0;
  int turns = 0;
  while (of_one < body.size() || of_other < body.size()) {
    REQUIRE(++turns < 1'000);
    // Only so much is made that the stream below has room for.
    const OutputView out = peer.session->output();
    CHECK(out.size_bytes() <= 64 * 1024 + 2 * 16'400);
    const auto frames = peer.sent();
    of_one += data_of(frames, one).body.size();
    of_other += data_of(frames, other).body.size();
  }
  CHECK(of_one == body.size());
  CHECK(of_other == body.size());
  put(peer, waits, "x");
  CHECK(data_of(peer.sent(), waits).body == "x");
}

TEST_CASE("http2 upload: two bodies take turns") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 1'000'000}}) + h2::window_update(0, 1'000'000));
  peer.sent();
  const std::string body(300'000, 'b');
  const auto one = peer.open("POST", BodyOwned(body));
  const auto other = peer.open("POST", BodyOwned(body));
  std::size_t of_one = 0, of_other = 0, apart = 0;
  for (const h2::Frame& frame : peer.sent()) {
    if (frame.type != h2::kData) continue;
    (frame.stream == one ? of_one : of_other) += frame.payload.size();
    if (of_one < body.size() && of_other > 0) {
      apart = std::max(apart, of_one > of_other ? of_one - of_other : of_other - of_one);
    }
  }
  CHECK(of_one == body.size());
  CHECK(of_other == body.size());
  CHECK(other != one);
  CHECK(apart <= 100'000);
}

TEST_CASE(
    "http2 upload: a long body does not keep short ones back, nor does one that waited for its bytes lose its turn") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 0x7fff'ffff}}) + h2::window_update(0, 0x7fff'0000 - 65'535));
  const std::string body(16 * 1024 * 1024, 'b');
  const auto large = peer.open("POST", BodyView{as_bytes(body)});
  const auto waits = peer.open("POST", BodyStream{});
  const auto other = peer.open("POST", BodyView{as_bytes(body)});
  peer.session->advance_output(peer.session->output().size_bytes());
  const auto small = peer.open("POST", BodyOwned(std::string(40'000, 's')));
  put(peer, waits, std::string(40'000, 'w'));
  finish(peer, waits);
  std::size_t taken = 0;
  while (!peer.session->request_sent(small) || !peer.session->request_sent(waits)) {
    const std::size_t part = std::min<std::size_t>(peer.session->output().size_bytes(), 20'000);
    peer.session->advance_output(part);
    peer.session->on_wire(0, peer.moved);
    REQUIRE((taken += part) < 1'000'000);
  }
  CHECK_FALSE(peer.session->request_sent(large));
  CHECK_FALSE(peer.session->request_sent(other));
}

TEST_CASE("http2 upload: the more urgent one is sent first, also if it becomes so later; the server is told") {
  Http2Peer peer;
  const std::string body(1'000'000, 'b');
  for (int i = 0; i < 3; ++i) peer.open("POST", BodyView{as_bytes(body)});
  peer.sent();
  peer.receive(h2::settings({{h2::kInitialWindow, 10'000'000}, {9, 1}}));
  peer.session->set_priority(5, {.urgency = 1, .incremental = true});
  peer.session->set_priority(9, {});
  const auto told = peer.sent();
  REQUIRE_FALSE(told.empty());
  std::size_t updates = 0;
  for (const h2::Frame& frame : told) {
    if (frame.type != 0x10) continue;
    ++updates;
    CHECK(frame.stream == 0);
    CHECK(frame.payload == h2::number(5, 4) + "u=1, i");
  }
  CHECK(updates == 1);
  std::size_t of_urgent = 0, of_all = 0;
  for (int i = 0; i < 20; ++i) {
    peer.receive(h2::window_update(0, 16'384));
    for (const h2::Frame& frame : peer.sent()) {
      if (frame.type != h2::kData) continue;
      of_all += frame.payload.size();
      if (frame.stream == 5) of_urgent += frame.payload.size();
    }
  }
  CHECK(of_all == 20 * 16'384);
  CHECK(of_urgent >= 16 * 16'384);
}

TEST_CASE("http2 upload: a server that does not look at priorities is told none") {
  for (const std::string& settings : {h2::settings({{9, 0}}), h2::settings()}) {
    Http2Peer peer;
    peer.receive(settings);
    peer.open();
    peer.sent();
    peer.session->set_priority(1, {.urgency = 1});
    CHECK(peer.sent().empty());
  }
}

TEST_CASE("http2 upload: bodies share the connection's window, however little it is opened") {
  for (const std::uint32_t step : {1'000U, 16'384U, 40'000U}) {
    CAPTURE(step);
    Http2Peer peer;
    peer.receive(h2::settings({{h2::kInitialWindow, 10'000'000}}));
    const std::string body(1'000'000, 'b');
    std::map<http::StreamId, std::size_t> got;
    for (int i = 0; i < 3; ++i) got[peer.open("POST", BodyView{as_bytes(body)})] = 0;
    std::size_t apart = 0;
    for (std::size_t all = 0; all < 2'000'000 && !peer.error; all += step) {
      for (const h2::Frame& frame : peer.sent()) {
        if (frame.type == h2::kData) got[frame.stream] += frame.payload.size();
      }
      const auto [least, most] = std::minmax({got[1], got[3], got[5]});
      apart = std::max(apart, most - least);
      peer.receive(h2::window_update(0, step));
    }
    CHECK(apart <= 65'535 + 2 * 16'384);  // the first had the first window for itself
  }
}

TEST_CASE("http2 upload: Expect: the body waits for 100, or until the wait is over") {
  with_every_split([](Http2Peer& peer) {
    peer.receive(h2::settings());
    const auto one = peer.open("POST", BodyOwned("body"), {{"Expect", "100-continue"}});
    const auto two = peer.open("POST", BodyOwned("body"), {{"Expect", "100-continue"}});
    auto sent = peer.sent();
    CHECK(sent[1].fields.find("expect: 100-continue\n") != std::string::npos);
    CHECK(data_of(sent, one).frames == 0);
    CHECK(peer.session->waiting_for_continue(one));
    CHECK(peer.session->wants_upload(one));
    peer.session->upload_changed(one);
    CHECK(peer.sent().empty());
    peer.receive(h2::headers(one, {{":status", "102"}}));
    CHECK(peer.session->waiting_for_continue(one));
    peer.receive(h2::headers(one, {{":status", "100"}}));
    CHECK_FALSE(peer.session->waiting_for_continue(one));
    CHECK(data_of(peer.sent(), one).ended);
    peer.session->stop_waiting_for_continue(two);
    CHECK(data_of(peer.sent(), two).body == "body");
    peer.session->stop_waiting_for_continue(two);
    CHECK(peer.sent().empty());
  });
}

TEST_CASE("http2 upload: an Expect without a body is not sent") {
  Http2Peer peer;
  peer.open("POST", {}, {{"Expect", "100-continue"}});
  CHECK(peer.sent()[0].fields.find("expect") == std::string::npos);
}

TEST_CASE("SB-61 http2 upload: an answer without the body: it is not sent, the stream is reset, the connection lives") {
  with_every_split([](Http2Peer& peer) {
    peer.receive(h2::settings());
    const auto waits = peer.open("POST", BodyOwned("body"), {{"Expect", "100-continue"}});
    peer.sent();
    peer.receive(h2::headers(waits, {{":status", "417"}}));
    CHECK_FALSE(peer.session->waiting_for_continue(waits));
    CHECK_FALSE(peer.session->wants_upload(waits));
    peer.session->stop_waiting_for_continue(waits);
    peer.receive(h2::data(waits, "no", h2::kEndStream));
    const auto sent = peer.sent();
    CHECK(data_of(sent, waits).frames == 0);
    CHECK(has_reset(sent, waits, 8));
    CHECK(peer[waits].story == "hc");
    CHECK(peer.session->reusable());
  });
}

TEST_CASE("http2 upload: an error status stops the body, a success lets it go on, the end of the response resets it") {
  Http2Peer peer;
  peer.receive(h2::settings());
  const auto failed = peer.open("POST", BodyStream{});
  const auto good = peer.open("POST", BodyStream{});
  peer.receive(h2::headers(failed, {{":status", "413"}}) + h2::headers(good, {{":status", "200"}}));
  peer.sent();
  CHECK_FALSE(peer.session->wants_upload(failed));
  CHECK(peer.session->wants_upload(good));
  put(peer, failed, "x");
  put(peer, good, "y");
  auto sent = peer.sent();
  CHECK(data_of(sent, failed).frames == 0);
  CHECK(data_of(sent, good).body == "y");
  peer.receive(h2::data(failed, "", h2::kEndStream) + h2::data(good, "all", h2::kEndStream));
  sent = peer.sent();
  CHECK(has_reset(sent, failed, 8));
  CHECK(has_reset(sent, good, 8));
  CHECK(peer[good].story == "hc");
  CHECK(peer[good].body == "all");
}

TEST_CASE("http2 upload: trailers follow the body in HEADERS that end the request, also those of an empty body") {
  with_every_split([](Http2Peer& peer) {
    peer.receive(h2::settings());
    const auto finish_with = [&](http::StreamId stream) {
      Fields trailers;
      REQUIRE(trailers.add("Checksum", "abc"));
      REQUIRE(trailers.add("x-two", ""));
      REQUIRE(peer[stream].upload->finish(std::move(trailers)));
      peer.session->upload_changed(stream);
    };
    for (const std::string_view body : {"some bytes", ""}) {
      const auto stream = peer.open("POST", BodyStream{});
      put(peer, stream, body);
      peer.sent();
      CHECK_FALSE(peer.session->request_sent(stream));
      finish_with(stream);
      const auto sent = peer.sent();
      REQUIRE_FALSE(sent.empty());
      CHECK_FALSE(data_of(sent, stream).ended);
      CHECK(sent.back().type == h2::kHeaders);
      CHECK(sent.back().flags == (h2::kEndHeaders | h2::kEndStream));
      CHECK(sent.back().fields == "checksum: abc\nx-two: \n");
      CHECK(peer.session->request_sent(stream));
      CHECK_FALSE(peer.session->wants_upload(stream));
      peer.receive(h2::headers(stream, {{":status", "200"}}, h2::kEndStream));
      CHECK(peer[stream].story == "hc");
    }
    CHECK(peer.sent().empty());  // no reset
  });
}

TEST_CASE("http2 upload: trailers wait for the windows and for all of the body") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 3}}));
  const auto stream = peer.open("POST", BodyStream{});
  put(peer, stream, "abcdef");
  Fields trailers;
  REQUIRE(trailers.add("checksum", "x"));
  REQUIRE(peer[stream].upload->finish(std::move(trailers)));
  peer.session->upload_changed(stream);
  auto sent = peer.sent();
  CHECK(data_of(sent, stream).body == "abc");
  CHECK(sent.back().type == h2::kData);
  peer.receive(h2::window_update(stream, 3));
  sent = peer.sent();
  CHECK(data_of(sent, stream).body == "def");
  CHECK(sent.back().fields == "checksum: x\n");
}

TEST_CASE("http2 upload: the end of a body that has filled a window, and its trailers, need no window") {
  for (const bool of_stream : {true, false}) {
    for (const bool has_trailers : {true, false}) {
      CAPTURE(of_stream);
      CAPTURE(has_trailers);
      Http2Peer peer;
      peer.receive(h2::settings({{h2::kInitialWindow, of_stream ? 3U : 1'000'000U}}));
      const std::string body(of_stream ? 3 : 65'535, 'b');
      const auto stream = peer.open("POST", BodyStream{});
      put(peer, stream, body);
      CHECK(data_of(peer.sent(), stream).body == body);
      CHECK_FALSE(peer.session->request_sent(stream));
      Fields trailers;
      if (has_trailers) REQUIRE(trailers.add("checksum", "x"));
      REQUIRE(peer[stream].upload->finish(std::move(trailers)));
      peer.session->upload_changed(stream);
      peer.session->upload_changed(stream);
      auto sent = peer.sent();
      REQUIRE(sent.size() == 1);
      CHECK(sent[0].stream == stream);
      CHECK(sent[0].type == (has_trailers ? h2::kHeaders : h2::kData));
      CHECK(sent[0].flags == (has_trailers ? h2::kEndHeaders | h2::kEndStream : h2::kEndStream));
      CHECK(sent[0].fields == (has_trailers ? "checksum: x\n" : ""));
      CHECK((has_trailers || sent[0].payload.empty()));
      CHECK(peer.session->request_sent(stream));
      CHECK_FALSE(peer.session->wants_upload(stream));
      peer.receive(h2::window_update(0, 10) + h2::window_update(stream, 10));
      CHECK(peer.sent().empty());
      peer.receive(h2::headers(stream, {{":status", "200"}}, h2::kEndStream));
      CHECK(peer[stream].story == "hc");
      sent = peer.sent();
      CHECK(has_reset(sent, stream, 0) != has_trailers);
      CHECK(sent.size() == (has_trailers ? 0 : 1));
      // The library does not have the stream any more: another one may be open.
      peer.receive(h2::settings({{h2::kMaxStreams, 1}}));
      const auto next = peer.open();
      CHECK(peer.sent().back().stream == next);
      peer.receive(h2::headers(next, {{":status", "200"}}, h2::kEndStream));
      CHECK(peer[next].story == "hc");
      CHECK_FALSE(peer.error);
    }
  }
}

TEST_CASE("http2 upload: trailers without a field are none") {
  Http2Peer peer;
  peer.receive(h2::settings());
  const auto stream = peer.open("POST", BodyStream{});
  put(peer, stream, "body");
  REQUIRE(peer[stream].upload->finish(Fields()));
  peer.session->upload_changed(stream);
  const auto sent = peer.sent();
  CHECK(data_of(sent, stream).body == "body");
  CHECK(data_of(sent, stream).ended);
}

TEST_CASE("http2 upload: an empty body that waited for 100 ends where no window is open at all") {
  for (const bool told : {true, false}) {
    Http2Peer peer;
    peer.receive(h2::settings({{h2::kInitialWindow, 0}}));
    const auto stream = peer.open("POST", BodyStream{}, {{"Expect", "100-continue"}});
    finish(peer, stream);
    CHECK_FALSE(data_of(peer.sent(), stream).ended);
    if (told) peer.receive(h2::headers(stream, {{":status", "100"}}));
    if (!told) peer.session->stop_waiting_for_continue(stream);
    CHECK(data_of(peer.sent(), stream).ended);
    CHECK(peer.session->request_sent(stream));
  }
}

TEST_CASE("http2 upload: an allowance holds the body back") {
  Http2Peer peer;
  peer.receive(h2::settings());
  const auto stream = peer.open("POST", BodyStream{});
  peer[stream].upload->allow(3);
  put(peer, stream, "abcdef");
  CHECK(data_of(peer.sent(), stream).body == "abc");
  peer[stream].upload->allow(10);
  peer.session->upload_changed(stream);
  CHECK(data_of(peer.sent(), stream).body == "def");
}

TEST_CASE("http2 upload: aborted in the middle, nothing more of it is sent") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 10}}));
  const auto stream = peer.open("POST", BodyOwned(std::string(100, 'x')));
  CHECK(data_of(peer.sent(), stream).body.size() == 10);
  peer.session->abort(stream);
  CHECK(has_reset(peer.sent(), stream, 8));
  peer.receive(h2::window_update(stream, 1'000));
  CHECK(peer.sent().empty());
  CHECK_FALSE(peer.error);
}

TEST_CASE("http2 upload: a server may open its windows late for many small frames, two for each") {
  Http2Peer peer;
  peer.receive(h2::settings({{h2::kInitialWindow, 1'000'000}}) + h2::window_update(0, 1'000'000));
  const auto stream = peer.open("POST", BodyStream{});
  constexpr std::size_t kFrames = 8'000;
  std::size_t frames = 0;
  for (std::size_t i = 0; i < kFrames; ++i) {
    put(peer, stream, std::string(100, 'u'));
    frames += data_of(peer.sent(), stream).frames;
  }
  CHECK(frames == kFrames);
  finish(peer, stream);
  std::string updates;
  for (std::size_t i = 0; i < kFrames; ++i) updates += h2::window_update(stream, 100) + h2::window_update(0, 100);
  peer.receive(updates + h2::headers(stream, {{":status", "200"}}, h2::kEndStream | h2::kEndHeaders));
  CHECK_FALSE(peer.error);
  CHECK(peer[stream].story == "hc");
}

}  // namespace sluice
