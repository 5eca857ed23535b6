// core/http2/session: requests and responses. Uploads: session_upload_test.cpp; windows: session_windows_test.cpp; how
// exchanges and connections end: session_ends_test.cpp; what a server may not do: hostile_test.cpp.
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

}  // namespace

TEST_CASE("http2 session: it begins with the preface and SETTINGS, before any request") {
  Http2Peer peer;
  REQUIRE(peer.first.size() == 2);
  CHECK(peer.first[0].type == h2::kSettings);
  const std::string expected = h2::number(h2::kEnablePush, 2) + h2::number(0, 4) + h2::number(h2::kInitialWindow, 2) +
                               h2::number(limits::kStreamWindowBytes, 4) + h2::number(6, 2) +
                               h2::number(limits::kMaxHeadBytes, 4) + h2::number(9, 2) + h2::number(1, 4);
  CHECK(peer.first[0].payload == expected);
  CHECK(peer.first[1].type == h2::kWindowUpdate);
  CHECK(peer.first[1].stream == 0);
  CHECK(peer.first[1].number_at(0) == limits::kConnectionWindowBytes - 65'535);
  CHECK_FALSE(peer.session->busy());
  CHECK(peer.session->reusable());
  CHECK(peer.session->multiplexes());
  CHECK_FALSE(peer.session->deadline());
}

TEST_CASE("http2 session: a GET and its answer, however it is cut") {
  with_every_split([](Http2Peer& peer) {
    const auto stream = peer.open("GET");
    CHECK(stream == 1);
    CHECK(peer.session->busy());
    CHECK_FALSE(peer.session->request_begun(stream));
    CHECK(as_text(peer.session->request_head(stream)) == "GET /path?q HTTP/2\r\nHost: example.org\r\n\r\n");
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].type == h2::kHeaders);
    CHECK(sent[0].flags == (h2::kEndHeaders | h2::kEndStream));
    CHECK(sent[0].fields == ":method: GET\n:path: /path?q\n:authority: example.org\n:scheme: https\n");
    CHECK(peer.moved == std::vector<http::StreamId>{1});
    CHECK(peer.session->request_begun(stream));
    CHECK(peer.session->request_sent(stream));
    CHECK_FALSE(peer.session->response_started(stream));
    peer.receive(h2::settings());
    const auto answers = peer.sent();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].type == h2::kSettings);
    CHECK(answers[0].flags == h2::kAck);
    peer.receive(h2::headers(1, {{":status", "200"}, {"content-length", "5"}, {"x", "y"}}));
    CHECK(peer.session->response_started(stream));
    peer.receive(h2::data(1, "he") + h2::data(1, "llo", h2::kEndStream));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story == "hc");
    CHECK(peer[1].body == "hello");
    CHECK(peer[1].body_length == 5);
    CHECK(peer[1].head.status == 200);
    CHECK(peer[1].head.version == HttpVersion{2, 0});
    CHECK(peer[1].head.fields.find("x") == "y");
    CHECK(peer[1].head.raw() == "HTTP/2 200 \r\ncontent-length: 5\r\nx: y\r\n\r\n");
    CHECK(peer[1].head_bytes == peer[1].head.raw().size());
    CHECK_FALSE(peer.session->busy());
    CHECK(peer.session->reusable());
    CHECK(peer.sent().empty());
  });
}

TEST_CASE("http2 session: answers come in any order, mixed, and no byte reaches another exchange") {
  with_every_split([](Http2Peer& peer) {
    for (const http::StreamId expected : {1U, 3U, 5U}) CHECK(peer.open() == expected);
    peer.receive(h2::settings() + h2::headers(5, {{":status", "205"}}) + h2::headers(1, {{":status", "201"}}) +
                 h2::data(1, "one") + h2::data(5, "five") + h2::headers(3, {{":status", "203"}}, h2::kEndStream) +
                 h2::data(1, "+") + h2::data(5, "", h2::kEndStream) + h2::data(1, "1", h2::kEndStream));
    CHECK_FALSE(peer.error);
    CHECK(peer.order == "h5 h1 h3 c3 c5 c1 ");
    CHECK(peer[1].body == "one+1");
    CHECK(peer[3].body.empty());
    CHECK(peer[5].body == "five");
    for (const http::StreamId stream : {1U, 3U, 5U}) CHECK(peer[stream].head.status == 200 + static_cast<int>(stream));
    CHECK(peer[3].body_length == 0);
    CHECK_FALSE(peer[5].body_length);
  });
}

TEST_CASE("http2 session: interim responses, 103 too, come before the head, each in its turn") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.open();
    peer.receive(h2::settings() + h2::headers(1, {{":status", "103"}, {"link", "</x>"}}) +
                 h2::headers(3, {{":status", "102"}}) + h2::headers(1, {{":status", "200"}}, h2::kEndStream) +
                 h2::headers(3, {{":status", "204"}}, h2::kEndStream));
    CHECK(peer.order == "i1 i3 h1 c1 h3 c3 ");
    CHECK(peer[1].interim_status == 103);
    CHECK(peer[3].interim_status == 102);
    CHECK(peer[1].head.fields.empty());  // what the interim response had is gone
    CHECK(peer[1].interim_bytes > 10);
    CHECK(peer[3].head.status == 204);
  });
}

TEST_CASE("http2 session: receive() stops after an interim response, so that its head can be read") {
  Http2Peer peer;
  peer.open();
  const std::string text = h2::settings() + h2::headers(1, {{":status", "100"}});
  std::string all = text + h2::headers(1, {{":status", "200"}}, h2::kEndStream);
  std::vector<http::Event> events;
  const auto taken = peer.session->receive({reinterpret_cast<std::uint8_t*>(all.data()), all.size()}, events);
  CHECK(taken == text.size());
  REQUIRE(events.size() == 1);
  CHECK(peer[1].head.status == 100);
}

TEST_CASE("http2 session: trailers go to the exchange's own place (SB-57)") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}, {"a", "1"}}) + h2::data(1, "x") +
                 h2::headers(1, {{"a", "2"}, {"checksum", "7"}}, h2::kEndStream));
    CHECK(peer[1].story == "hc");
    CHECK(peer[1].head.fields.find("a") == "1");
    CHECK_FALSE(peer[1].head.fields.contains("checksum"));
    CHECK(peer[1].trailers.find("a") == "2");
    CHECK(peer[1].trailers.find("checksum") == "7");
    CHECK(peer[1].head.raw() == "HTTP/2 200 \r\na: 1\r\n\r\n");
  });
}

TEST_CASE("http2 session: HEAD, 204 and 304 have no body, whatever their content-length says (SB-58)") {
  with_every_split([](Http2Peer& peer) {
    peer.open("HEAD");
    peer.open();
    peer.open();
    peer.receive(h2::settings());
    for (const auto& [stream, status] : {std::pair{1U, "200"}, {3U, "204"}, {5U, "304"}}) {
      peer.receive(h2::headers(stream, {{":status", status}, {"content-length", "10"}}, h2::kEndStream));
      CHECK(peer[stream].story == "hc");
      CHECK_FALSE(peer[stream].body_length);
    }
    CHECK_FALSE(peer.error);
  });
}

TEST_CASE("http2 session: padding and frames of priorities or unknown types change nothing") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    const std::string head = h2::block({{":status", "200"}});
    peer.receive(h2::settings() + h2::frame(0xfa, 0xff, 0, "grease") +
                 h2::frame(h2::kHeaders, h2::kPadded | h2::kEndHeaders, 1, std::string("\3", 1) + head + "\0\0\0"s) +
                 h2::frame(h2::kPriority, 0, 1, "\0\0\0\0\x10"s) +
                 h2::frame(h2::kData, h2::kPadded, 1,
                           "\x05"
                           "body\0\0\0\0\0"s) +
                 h2::frame(h2::kData, h2::kPadded | h2::kEndStream, 1, "\x02\0\0"s));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story == "hc");
    CHECK(peer[1].body == "body");
  });
}

TEST_CASE("http2 session: a head in several frames") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    const std::string head = h2::block({{":status", "200"}, {"a", "b"}, {"c", "d"}});
    peer.receive(h2::settings() + h2::frame(h2::kHeaders, h2::kEndStream, 1, head.substr(0, 4)) +
                 h2::frame(h2::kContinuation, 0, 1, head.substr(4, 9)) +
                 h2::frame(h2::kContinuation, h2::kEndHeaders, 1, head.substr(13)));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story == "hc");
    CHECK(peer[1].head.fields.find("c") == "d");
  });
}

TEST_CASE("http2 session: what the peer's SETTINGS say about streams: fewer, none, more again") {
  Http2Peer peer;
  CHECK(peer.session->open_capacity() == 100);  // before its SETTINGS
  peer.receive(h2::settings());
  CHECK(peer.session->open_capacity() == limits::kMaxStreams);
  peer.receive(h2::settings({{h2::kMaxStreams, 3}}));
  CHECK(peer.session->open_capacity() == 3);
  peer.open();
  peer.open();
  CHECK(peer.session->open_capacity() == 1);
  peer.receive(h2::settings({{h2::kMaxStreams, 1}}));  // less than there are: they go on
  CHECK(peer.session->open_capacity() == 0);
  CHECK(peer.session->reusable());
  peer.receive(h2::headers(1, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer.session->open_capacity() == 0);
  peer.receive(h2::settings({{h2::kMaxStreams, 0}}));
  peer.receive(h2::headers(3, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer.session->open_capacity() == 0);
  CHECK(peer.session->reusable());
  peer.receive(h2::settings({{h2::kMaxStreams, 2}}));
  CHECK(peer.session->open_capacity() == 2);
  CHECK(peer.order == "h1 c1 h3 c3 ");
}

TEST_CASE("http2 session: after a request with Connection: close no other one begins, and those that run go on") {
  Http2Peer peer;
  peer.receive(h2::settings());
  peer.open();
  peer.open("GET", {}, {{"Connection", "Close"}});
  CHECK_FALSE(peer.session->reusable());
  CHECK(peer.session->open_capacity() == 0);
  CHECK(peer.sent().back().fields.find("close") == std::string::npos);
  peer.receive(h2::headers(3, {{":status", "200"}}, h2::kEndStream) +
               h2::headers(1, {{":status", "200"}}, h2::kEndStream));
  CHECK(peer.order == "h3 c3 h1 c1 ");
}

TEST_CASE("http2 session: an invalid request changes nothing") {
  Http2Peer peer;
  Request request;
  request.url = Url::parse("http://example.org/").value();
  request.method = "BAD METHOD";
  ResponseHead head;
  const auto refused = peer.session->open({.request = &request, .head = &head});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_request);
  CHECK(peer.sent().empty());
  CHECK_FALSE(peer.session->busy());
  CHECK(peer.open() == 1);
}

TEST_CASE("http2 session: an aborted exchange is reset, nothing of it is heard again, and the connection lives") {
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.open();
    peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}}) + h2::data(1, "x"));
    peer.sent();
    peer.session->abort(1);
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].type == h2::kReset);
    CHECK(sent[0].stream == 1);
    CHECK(sent[0].number_at(0) == 8);  // CANCEL
    peer.receive(h2::data(1, "late") + h2::headers(1, {{"t", "u"}}, h2::kEndStream) +
                 h2::headers(3, {{":status", "200"}}, h2::kEndStream));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story == "h");
    CHECK(peer[1].body == "x");
    CHECK(peer[3].story == "hc");
    CHECK(peer.session->reusable());
    peer.session->abort(1);  // a stale id has no effect
    CHECK(peer.sent().empty());
  });
}

TEST_CASE("http2 session: on_wire names the requests whose bytes the stream has taken, and knows what layers hold") {
  Http2Peer peer;
  peer.open();
  const std::size_t one = peer.session->output().size_bytes();
  peer.open();
  const std::size_t both = peer.session->output().size_bytes();
  peer.session->advance_output(both);
  std::vector<http::StreamId> moved;
  peer.session->on_wire(both, moved);  // all is in a layer
  CHECK(moved.empty());
  CHECK_FALSE(peer.session->request_begun(1));
  peer.session->on_wire(both - 1, moved);
  CHECK(moved == std::vector<http::StreamId>{1});
  CHECK(peer.session->request_begun(1));
  CHECK_FALSE(peer.session->request_sent(1));
  CHECK_FALSE(peer.session->request_begun(3));
  CHECK(peer.session->bytes_on_wire(1) == 1);
  CHECK(peer.session->has_unsent(1));
  moved.clear();
  peer.session->on_wire(both - one, moved);
  CHECK(moved == std::vector<http::StreamId>{1});
  CHECK(peer.session->request_sent(1));
  CHECK(peer.session->bytes_on_wire(1) == one - 1);
  CHECK_FALSE(peer.session->has_unsent(1));
  CHECK(peer.session->has_unsent(3));
  moved.clear();
  peer.session->on_wire(0, moved);
  CHECK(moved == std::vector<http::StreamId>{3});
  CHECK(peer.session->bytes_on_wire(1) == 0);
  CHECK(peer.session->bytes_on_wire(3) == both - one);
  CHECK_FALSE(peer.session->has_unsent(3));
  CHECK(peer.session->request_sent(3));
}

TEST_CASE("http2 session: a PING is answered, also on an idle connection") {
  with_every_split([](Http2Peer& peer) {
    peer.receive(h2::settings() + h2::ping("abcdefgh"));
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].type == h2::kPing);
    CHECK(sent[1].flags == h2::kAck);
    CHECK(sent[1].payload == "abcdefgh");
    CHECK(peer.session->reusable());
  });
}

TEST_CASE("http2 session: exchange after exchange keeps no memory of its own") {
  Http2Peer peer;
  peer.receive(h2::settings());
  for (http::StreamId stream = 1; stream < 2'000; stream += 2) {
    REQUIRE(peer.open() == stream);
    peer.receive(h2::headers(stream, {{":status", "200"}}) + h2::data(stream, "x", h2::kEndStream));
    REQUIRE(peer[stream].story == "hc");
    peer.sent();
  }
  CHECK_FALSE(peer.session->busy());
}

}  // namespace sluice
