// core/http2/session: how exchanges and connections end (RFC 9113 5.4, 6.4, 6.8, 8.1).
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using test::Http2Peer;
using test::with_every_split;
namespace h2 = test::h2;

enum : std::uint32_t { kNo = 0, kProtocol = 1, kInternal = 2, kRefused = 7, kCalm = 11, kNeedsHttp1 = 13 };

const std::string& ok_start() {
  static const std::string text = h2::headers(1, {{":status", "200"}}) + h2::data(1, "part");
  return text;
}

}  // namespace

TEST_CASE("http2 ends: GOAWAY: what the server has not processed is refused, the rest goes on, nothing new begins") {
  with_every_split([](Http2Peer& peer) {
    for (int i = 0; i < 3; ++i) peer.open();
    peer.receive(h2::settings() + h2::goaway(3, kNo));
    CHECK(peer.order == "r5 ");
    CHECK(peer[5].error.code == Code::http2_stream);
    CHECK_FALSE(peer.session->reusable());
    CHECK(peer.session->open_capacity() == 0);
    CHECK(peer.session->busy());
    peer.receive(h2::headers(1, {{":status", "200"}}, h2::kEndStream) +
                 h2::headers(3, {{":status", "200"}}, h2::kEndStream));
    CHECK(peer.order == "r5 h1 c1 h3 c3 ");
    CHECK_FALSE(peer.error);
  });
}

TEST_CASE("http2 ends: GOAWAY in two steps: the first refuses nothing") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.open();
    peer.receive(h2::settings() + h2::goaway(0x7fff'ffff, kNo));
    CHECK(peer.order.empty());
    CHECK_FALSE(peer.session->reusable());
    peer.receive(h2::goaway(1, kNo));
    CHECK(peer.order == "r3 ");
    peer.receive(h2::headers(1, {{":status", "200"}}, h2::kEndStream));
    CHECK(peer.order == "r3 h1 c1 ");
  });
}

TEST_CASE("http2 ends: GOAWAY with ENHANCE_YOUR_CALM: what was not processed fails, and is not sent again at once") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.open();
    peer.receive(h2::settings() + h2::goaway(1, kCalm, "too\nmany"));
    CHECK(peer.order == "f3 ");
    CHECK(peer[3].error.code == Code::http2_error);
    CHECK(peer[3].error.retry_safe);
    CHECK(peer[3].error.message() == "HTTP/2: the server ended the connection: too?many (ENHANCE_YOUR_CALM)");
    peer.end();
    REQUIRE(peer.error);
    CHECK(peer.error->code == Code::http2_error);
    CHECK(peer.error->detail == kCalm);
  });
}

TEST_CASE("http2 ends: GOAWAY after one with ENHANCE_YOUR_CALM does not take that back") {
  for (const std::uint32_t code : {kNo, kInternal}) {
    CAPTURE(code);
    with_every_split([&](Http2Peer& peer) {
      peer.open();
      peer.open();
      peer.receive(h2::settings() + h2::goaway(0x7fff'ffff, kCalm) + h2::goaway(0, code));
      CHECK(peer.session->farewell() == http::Farewell::wants_less);
      CHECK((peer.order == "f1 f3 " || peer.order == "f3 f1 "));
      CHECK(peer[1].error.message() == "HTTP/2: the server ended the connection (ENHANCE_YOUR_CALM)");
    });
  }
}

TEST_CASE("http2 ends: RST_STREAM: REFUSED_STREAM is refused, all else fails with its name; the connection lives") {
  with_every_split([](Http2Peer& peer) {
    for (int i = 0; i < 3; ++i) peer.open();
    peer.receive(h2::settings() + h2::reset(3, kRefused) + ok_start() + h2::reset(1, kInternal) + h2::reset(5, kCalm));
    CHECK(peer.order == "r3 h1 f1 f5 ");
    CHECK(peer[1].error.code == Code::http2_stream);
    CHECK(peer[1].error.detail == kInternal);
    CHECK(peer[1].error.blame == Blame::peer);
    CHECK(peer[1].error.message() == "HTTP/2: the server reset the stream after 4 bytes of the body (INTERNAL_ERROR)");
    CHECK(peer[5].error.message() == "HTTP/2: the server reset the stream (ENHANCE_YOUR_CALM)");
    CHECK(peer.session->reusable());
    CHECK_FALSE(peer.session->busy());
  });
}

TEST_CASE(
    "http2 ends: HTTP_1_1_REQUIRED is a refusal that says so, of a stream or of the connection, before a response") {
  with_every_split([](Http2Peer& peer) {
    for (int i = 0; i < 4; ++i) peer.open();
    peer.receive(h2::settings() + h2::reset(3, kNeedsHttp1) + ok_start() + h2::reset(1, kNeedsHttp1) +
                 h2::goaway(5, kNeedsHttp1));
    CHECK(peer.order == "r3 h1 f1 r7 ");
    for (const http::StreamId stream : {3U, 7U}) {
      CHECK(peer[stream].error.message() ==
            "HTTP/2: the server takes this request over HTTP/1.1 only (HTTP_1_1_REQUIRED)");
    }
    CHECK(peer[1].error.message() ==
          "HTTP/2: the server reset the stream after 4 bytes of the body (HTTP_1_1_REQUIRED)");
  });
}

TEST_CASE("http2 ends: REFUSED_STREAM after a response has begun is no refusal, nor is a GOAWAY below it") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() + ok_start() + h2::reset(1, kRefused));
    CHECK(peer[1].story == "hf");
    CHECK_FALSE(peer[1].error.retry_safe);
  });
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() + ok_start() + h2::goaway(0, kNo));
    CHECK(peer[1].story == "hf");
  });
}

TEST_CASE("http2 ends: RST_STREAM(NO_ERROR) after a whole response keeps it, before its end it is a failure") {
  with_every_split([](Http2Peer& peer) {
    peer.open("POST", BodyStream{});
    peer.open("POST", BodyStream{});
    peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}}, h2::kEndStream) + h2::reset(1, kNo) +
                 h2::headers(3, {{":status", "200"}}) + h2::reset(3, kNo));
    CHECK(peer.order == "h1 c1 h3 f3 ");
    CHECK(peer.session->reusable());
  });
}

TEST_CASE("http2 ends: the end of the stream below never completes a response, clean or not") {
  for (const StreamEnd how : {StreamEnd::clean, StreamEnd::bare, StreamEnd::cut}) {
    Http2Peer peer;
    peer.open();
    peer.open();
    peer.receive(h2::settings() + ok_start());
    peer.end(how);
    CHECK(peer.order == "h1 f1 ");
    CHECK(peer[1].error.code == Code::truncated);
    CHECK(peer[1].error.message() == "HTTP/2: the connection ended after 4 bytes of the body");
    // What has no byte of a response may be sent again.
    REQUIRE(peer.error);
    CHECK(peer.error->code == Code::connection_closed);
    CHECK_FALSE(peer.session->response_started(3));
    CHECK(peer.session->busy());
    peer.session->abort(3);
    CHECK_FALSE(peer.session->busy());
    CHECK_FALSE(peer.session->reusable());
  }
}

TEST_CASE(
    "http2 ends: of a body whose length is known its end says how much has come; of a response without one nothing") {
  const auto head = [](http::StreamId stream, std::string_view length) {
    return h2::headers(stream, {{":status", "200"}, {"content-length", length}});
  };
  with_every_split([&](Http2Peer& peer) {
    for (const char* method : {"GET", "GET", "HEAD", "GET"}) peer.open(method);
    peer.receive(h2::settings() + head(1, "10") + h2::data(1, "part") + head(3, "10") + h2::data(3, "x") +
                 head(5, "10") + h2::headers(7, {{":status", "103"}}) + h2::reset(1, kInternal) +
                 h2::reset(5, kInternal));
    peer.end();
    CHECK(peer[1].error.message() ==
          "HTTP/2: the server reset the stream after 4 of 10 bytes of the body (INTERNAL_ERROR)");
    CHECK(peer[3].error.message() == "HTTP/2: the connection ended after 1 of 10 bytes of the body");
    CHECK(peer[5].error.message() == "HTTP/2: the server reset the stream (INTERNAL_ERROR)");
    CHECK(peer[7].error.message() == "HTTP/2: the connection ended in the middle of a response");
  });
}

TEST_CASE("http2 ends: the end of an idle connection is no error") {
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.end();
  CHECK_FALSE(peer.error);
  CHECK_FALSE(peer.session->reusable());
}

TEST_CASE("http2 ends: if all that runs has begun, the end of the connection is told by their failures alone") {
  Http2Peer peer;
  peer.open();
  peer.receive(h2::settings() + ok_start());
  peer.end();
  CHECK(peer.order == "h1 f1 ");
  CHECK_FALSE(peer.error);
}

TEST_CASE("http2 ends: a GOAWAY with an error names it when the connection ends") {
  Http2Peer peer;
  peer.open();
  peer.receive(h2::settings() + ok_start() + h2::goaway(1, kProtocol, "bad"));
  CHECK_FALSE(peer.error);
  peer.end();
  CHECK(peer[1].error.code == Code::http2_error);
  CHECK(peer[1].error.message() ==
        "HTTP/2: the server ended the connection after 4 bytes of the body: bad (PROTOCOL_ERROR)");
}

TEST_CASE("http2 ends: a GOAWAY announces an end if its code blames no request") {
  constexpr std::uint32_t kFlow = 3, kCompression = 9, kInsecure = 12;
  using http::Farewell;
  const std::pair<std::uint32_t, Farewell> cases[] = {
      {kNo, Farewell::announced},    {kInternal, Farewell::announced},
      {kCalm, Farewell::wants_less}, {kProtocol, Farewell::none},
      {kFlow, Farewell::none},       {kCompression, Farewell::none},
      {kInsecure, Farewell::none},   {kNeedsHttp1, Farewell::needs_http1},
      {1'000, Farewell::none},
  };
  for (const auto& [code, farewell] : cases) {
    CAPTURE(code);
    Http2Peer peer;
    CHECK(peer.session->farewell() == Farewell::none);
    peer.open();
    peer.receive(h2::settings() + h2::goaway(1, code));
    CHECK(peer.session->farewell() == farewell);
    CHECK(peer.order.empty());
    CHECK_FALSE(peer.session->reusable());
  }
  // The end may be announced first.
  Http2Peer peer;
  peer.open();
  peer.receive(h2::settings() + h2::goaway(0x7fff'ffff, kNo) + h2::goaway(1, kProtocol));
  CHECK(peer.session->farewell() == Farewell::none);
}

TEST_CASE("http2 ends: after the last stream id no exchange can be opened") {
  Http2Peer peer({.first_stream = 0x7fff'fffd});
  peer.receive(h2::settings());
  CHECK(peer.open() == 0x7fff'fffd);
  CHECK(peer.session->reusable());
  CHECK(peer.open() == 0x7fff'ffff);
  CHECK_FALSE(peer.session->reusable());
  CHECK(peer.session->open_capacity() == 0);
  peer.receive(h2::headers(0x7fff'ffff, {{":status", "200"}}, h2::kEndStream) +
               h2::headers(0x7fff'fffd, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer.order == "h2147483647 c2147483647 h2147483645 c2147483645 ");
}

TEST_CASE(
    "http2 ends: an error of the connection is permanent, ends all exchanges, and they can still be asked about") {
  Http2Peer peer;
  peer.open();
  peer.open();
  peer.sent();
  peer.receive(h2::settings() + ok_start() + h2::frame(h2::kSettings, 0, 0, "x"));
  REQUIRE(peer.error);
  CHECK(peer.error->code == Code::http2_error);
  CHECK(peer.error->blame == Blame::peer);
  CHECK(peer.error->message().ends_with("(FRAME_SIZE_ERROR)"));
  CHECK(peer.order == "h1 ");
  CHECK(peer.session->response_started(1));
  CHECK(peer.session->request_begun(3));
  CHECK_FALSE(peer.session->response_started(3));
  CHECK_FALSE(peer.session->reusable());
  CHECK_FALSE(peer.session->deadline());  // it was told already
  std::vector<http::Event> events;
  CHECK_FALSE(peer.session->receive({}, events));
  peer.session->abort(1);
  peer.session->abort(3);
  CHECK_FALSE(peer.session->busy());
}

TEST_CASE("http2 ends: what happens outside receive() is told by the next call: bytes, the end, or the time") {
  for (const int how : {0, 1, 2}) {
    Http2Peer peer;
    peer.receive(h2::settings());
    peer.open();
    peer.sent();
    // More than the library sends. The engine would not have let it through.
    auto large = std::make_unique<Http2Peer::Exchange>();
    large->request.url = Url::parse("https://example.org/").value();
    REQUIRE(large->request.fields.add("x", std::string(5 * limits::kMaxRequestHeadBytes, 'x')));
    const auto stream = peer.session->open({.request = &large->request, .head = &large->head, .valid = true});
    REQUIRE(stream);
    peer.exchanges[*stream] = std::move(large);
    CHECK(peer.order.empty());
    CHECK(peer.session->deadline() == Instant{});
    if (how == 0) peer.receive(h2::ping());
    if (how == 1) peer.end();
    if (how == 2) peer.timeout(Instant{});
    CHECK(peer.order == "r3 ");
    CHECK_FALSE(peer.session->deadline());
    if (how == 1) CHECK(peer.error);
  }
}

TEST_CASE("http2 ends: a PING without an answer is the end of a connection; any byte puts it off") {
  using std::chrono::seconds;
  Http2Peer peer({.ping_interval = seconds(10)});
  Instant now{seconds(1'000)};
  REQUIRE(peer.session->deadline());
  CHECK(*peer.session->deadline() <= now);  // to learn the time
  peer.timeout(now);
  CHECK(peer.session->deadline() == now + seconds(10));
  peer.receive(h2::settings());
  peer.sent();
  now += seconds(10);
  peer.timeout(now);
  CHECK(peer.sent().empty());  // bytes came
  now += seconds(10);
  peer.timeout(now);
  auto sent = peer.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].type == h2::kPing);
  CHECK(sent[0].flags == 0);
  SUBCASE("answered") {
    peer.receive(h2::ping(sent[0].payload, h2::kAck));
    for (int i = 0; i < 2; ++i) peer.timeout(now += seconds(10));
    CHECK_FALSE(peer.error);
    CHECK(peer.sent().size() == 1);  // the next PING
  }
  SUBCASE("too early, nothing happens") {
    peer.timeout(now + seconds(9));
    CHECK_FALSE(peer.error);
  }
  SUBCASE("not answered") {
    peer.timeout(now + seconds(10));
    REQUIRE(peer.error);
    CHECK(peer.error->code == Code::http2_error);
    CHECK_FALSE(peer.session->reusable());
  }
}

TEST_CASE("http2 ends: the time for the answer to a PING counts from when it was sent, after what was there before") {
  using std::chrono::seconds;
  Http2Peer peer({.ping_interval = seconds(10)});
  Instant now{seconds(1'000)};
  peer.timeout(now);
  peer.receive(h2::settings({{h2::kInitialWindow, 1'000'000}}) + h2::window_update(0, 1'000'000));
  peer.sent();
  peer.open("POST", BodyOwned(std::string(300'000, 'u')));
  peer.timeout(now += seconds(10));  // bytes came
  // An upload over a slow link: so many bytes are taken.
  const auto take = [&](std::size_t bytes) {
    peer.session->set_time(now);
    peer.session->advance_output(std::min(bytes, peer.session->output().size_bytes()));
    peer.session->on_wire(0, peer.moved);
  };
  const std::size_t before = peer.session->output().size_bytes();
  CHECK(before > 60'000);
  peer.timeout(now += seconds(10));  // the PING is made
  for (std::size_t taken = 0; taken < before; taken += before / 4) {
    now += seconds(9);
    take(before / 4);
    peer.timeout(now += seconds(1));
    REQUIRE_FALSE(peer.error);
  }
  SUBCASE("it is sent, and all goes on to be slow") {
    take(100);  // the PING among them
    CHECK(peer.session->deadline() == now + seconds(10));
    now += seconds(5);
    take(1'000);
    peer.timeout(now += seconds(4));
    CHECK_FALSE(peer.error);
    peer.timeout(now += seconds(1));
    CHECK(peer.error);
  }
  SUBCASE("it is sent late in the time that it has waited for") {
    now += seconds(9);
    take(100);
    peer.timeout(now += seconds(1));
    CHECK_FALSE(peer.error);
    CHECK(peer.session->deadline() == now + seconds(9));
    peer.timeout(now += seconds(9));
    CHECK(peer.error);
  }
  SUBCASE("the wire takes nothing any more") {
    peer.timeout(now += seconds(10));
    REQUIRE(peer.error);
    CHECK(peer.error->code == Code::http2_error);
  }
}

TEST_CASE("http2 ends: a PING that waits after other bytes has its time once it is sent, as long as these move") {
  using std::chrono::seconds;
  Http2Peer peer({.ping_interval = seconds(10)});
  Instant now{seconds(1'000)};
  peer.receive(h2::settings());
  peer.timeout(now);
  peer.timeout(now += seconds(10));  // bytes came
  peer.open("POST", BodyOwned{std::string(20'000, 'b')});
  peer.timeout(now += seconds(10));  // the PING waits after the body
  const auto send = [&](std::size_t bytes) {
    peer.session->advance_output(bytes);
    peer.moved.clear();
    peer.session->on_wire(0, peer.moved);
  };
  const std::size_t all = peer.session->output().size_bytes();
  SUBCASE("it is sent within the first interval") {
    peer.session->set_time(now += seconds(9));
    send(all);
    peer.timeout(now += seconds(9));
    CHECK_FALSE(peer.error);
    peer.timeout(now += seconds(1));
    CHECK(peer.error);
    return;
  }
  SUBCASE("all of them are in one record of TLS, a part of which is sent each time") {
    peer.session->advance_output(all);
    for (int i = 0; i < 5; ++i) {
      peer.session->on_wire(all, peer.moved);
      peer.timeout(now += seconds(10));
      CHECK_FALSE(peer.error);
    }
    peer.session->on_wire(0, peer.moved);
    peer.timeout(now += seconds(9));
    CHECK_FALSE(peer.error);
    peer.timeout(now += seconds(1));
    CHECK(peer.error);
    return;
  }
  REQUIRE(all > 17 + 2);
  for (int i = 0; i < 5; ++i) {
    send(1);
    peer.timeout(now += seconds(10));
    CHECK_FALSE(peer.error);
  }
  SUBCASE("no byte moves any more") { peer.timeout(now += seconds(10)); }
  SUBCASE("the last byte of the PING waits, and moves") {
    send(all - 5 - 1);
    peer.timeout(now += seconds(10));
    CHECK_FALSE(peer.error);
    send(1);
    peer.timeout(now += seconds(9));
    CHECK_FALSE(peer.error);
    peer.timeout(now += seconds(1));
  }
  REQUIRE(peer.error);
  CHECK(peer.error->code == Code::http2_error);
}

TEST_CASE("http2 ends: PINGs may be as far apart as times can be") {
  using std::chrono::seconds;
  const Instant begin{seconds(1'000)};
  {
    Http2Peer peer({.ping_interval = Duration::max()});
    peer.timeout(begin);
    CHECK(peer.session->deadline() == Instant::max());
    for (int i = 0; i < 3; ++i) peer.timeout(begin + seconds(i));
    CHECK_FALSE(peer.error);
    CHECK(peer.sent().empty());
  }
  const Duration interval = Duration::max() - seconds(2'000);
  Http2Peer peer({.ping_interval = interval});
  peer.timeout(begin);
  const Instant due = begin + interval;
  CHECK(peer.session->deadline() == due);
  peer.timeout(due);
  CHECK(peer.session->deadline() == Instant::max());
  REQUIRE(peer.sent().size() == 1);  // the PING, whose time begins
  CHECK(peer.session->deadline() == Instant::max());
  peer.timeout(due + seconds(1));
  CHECK_FALSE(peer.error);
}

}  // namespace sluice
