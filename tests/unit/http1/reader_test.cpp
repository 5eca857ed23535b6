// core/http1/reader: what is accepted, and with which framing. What is refused: reader_strict_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/feed.hpp"

namespace sluice {
namespace {

using test::Eof;
using test::feed;
using test::FeedOutcome;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr test::FeedOptions kToHead = {.expectation = {.to_head = true}};

}  // namespace

TEST_CASE("reader: Content-Length") {
  const FeedOutcome got =
      feed("HTTP/1.1 200 OK\r\nServer: x y\r\nContent-Length: 5\r\nEmpty:\r\nBlank:   \r\n\r\nhello");
  CHECK(got.complete());
  CHECK(got.status == 200);
  CHECK(got.minor_version == 1);
  CHECK(got.reason == "OK");
  CHECK(got.fields == Pairs{{"Server", "x y"}, {"Content-Length", "5"}, {"Empty", ""}, {"Blank", ""}});
  CHECK(got.body == "hello");
  CHECK(got.keep_alive);
  CHECK(got.surplus == 0);
}

TEST_CASE("reader: Content-Length of nothing, and white space around values") {
  const FeedOutcome got = feed("HTTP/1.1 404 Not Found\r\nContent-Length: \t 0  \r\nX-A:b\t c \t\r\n\r\n");
  CHECK(got.complete());
  CHECK(got.reason == "Not Found");
  CHECK(got.fields == Pairs{{"Content-Length", "0"}, {"X-A", "b\t c"}});
  CHECK(got.body.empty());
  CHECK(got.keep_alive);
}

TEST_CASE("reader: a reason may be empty, missing, or hold bytes beyond ASCII") {
  CHECK(feed("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").reason.empty());
  const FeedOutcome bare = feed("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
  CHECK(bare.complete());
  CHECK(bare.reason.empty());
  CHECK(feed("HTTP/1.1 200 tr\xc3\xa8s bien\tfait\r\nContent-Length: 0\r\n\r\n").reason == "tr\xc3\xa8s bien\tfait");
}

TEST_CASE("reader: chunks, with extensions and trailers") {
  const FeedOutcome got = feed(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5\r\nhello\r\n1 ;a=b;c=\"d e\"\r\n,\r\n00A\r\n 123456789\r\n0\r\nX-Sum: 7\r\nX-B: c\r\n\r\n");
  CHECK(got.complete());
  CHECK(got.body == "hello, 123456789");
  CHECK(got.trailers == Pairs{{"X-Sum", "7"}, {"X-B", "c"}});
  CHECK(got.fields == Pairs{{"Transfer-Encoding", "Chunked"}});
  CHECK(got.keep_alive);
}

TEST_CASE("reader: chunks are moved together within one input") {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string wanted;
  for (int i = 1; i <= 40; ++i) {
    const std::string data(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    char size[8];
    std::snprintf(size, sizeof size, "%x\r\n", static_cast<unsigned>(i));
    text += size + data + "\r\n";
    wanted += data;
  }
  text += "0\r\n\r\n";
  ResponseHead head;
  http1::Reader reader;
  reader.start(head, nullptr, {});
  const auto step = reader.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  CHECK(step.head);
  CHECK(step.complete);
  CHECK(step.taken == text.size());
  CHECK(as_text(step.body) == wanted);
}

TEST_CASE("reader: no framing at all reads to the end") {
  const std::string_view text = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nsome bytes\r\n\r\nHTTP/1.1 200";
  CHECK(feed(text).end == FeedOutcome::End::needs_more);
  const FeedOutcome got = feed(text, {.eof = Eof::clean});
  CHECK(got.complete());
  CHECK(got.body == "some bytes\r\n\r\nHTTP/1.1 200");
  CHECK_FALSE(got.keep_alive);
}

TEST_CASE("reader: 204 and 304 have no body, whatever they claim") {
  for (const char* status : {"204 No Content", "304 Not Modified"}) {
    for (const char* field : {"", "Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
      const FeedOutcome got = feed(std::string("HTTP/1.1 ") + status + "\r\n" + field + "\r\n");
      CHECK(got.complete());
      CHECK(got.body.empty());
      CHECK(got.keep_alive);
    }
  }
}

TEST_CASE("SB-58 reader: an answer to HEAD has no body, whatever it claims") {
  for (const char* field : {"", "Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const FeedOutcome got = feed(std::string("HTTP/1.1 200 OK\r\n") + field + "\r\n", kToHead);
    CHECK(got.complete());
    CHECK(got.body.empty());
    CHECK(got.keep_alive);
  }
}

TEST_CASE("reader: interim responses come first") {
  const FeedOutcome got = feed(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "2\r\n\r\nok");
  CHECK(got.complete());
  CHECK(got.interims == std::vector<int>{100, 103});
  CHECK(got.status == 200);
  CHECK(got.fields == Pairs{{"Content-Length", "2"}});
  CHECK(got.body == "ok");
}

TEST_CASE("SB-15 reader: a 104 with Content-Length 5 has no body") {
  const FeedOutcome got =
      feed("HTTP/1.1 104 Odd\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(got.complete());
  CHECK(got.interims == std::vector<int>{104});
  CHECK(got.status == 200);
  CHECK(got.body == "ok");
  for (int status = 100; status < 200; ++status) {
    if (status == 101) continue;
    const std::string text = "HTTP/1.1 " + std::to_string(status) +
                             " I\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const FeedOutcome each = test::feed_detail::in_pieces(text, text.size(), {});
    CHECK(each.complete());
    CHECK(each.body == "ok");
  }
}

TEST_CASE("reader: keep-alive and close, HTTP/1.0 and HTTP/1.1") {
  struct Case {
    const char* version;
    const char* connection;
    bool keep_alive;
  };
  for (const Case& c :
       {Case{"1.1", "", true}, Case{"1.1", "Connection: close\r\n", false},
        Case{"1.1", "Connection: keep-alive\r\n", true}, Case{"1.1", "connection: x, CLOSE\r\n", false},
        Case{"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
        Case{"1.1", "Connection: closed\r\n", true}, Case{"1.0", "", false},
        Case{"1.0", "Connection: Keep-Alive\r\n", true}, Case{"1.0", "Connection: keep-alive, close\r\n", false}}) {
    CAPTURE(c.version);
    CAPTURE(c.connection);
    const FeedOutcome got =
        feed(std::string("HTTP/") + c.version + " 200 OK\r\n" + c.connection + "Content-Length: 1\r\n\r\nx");
    CHECK(got.complete());
    CHECK(got.body == "x");
    CHECK(got.keep_alive == c.keep_alive);
  }
}

TEST_CASE("reader: Upgrade in an ordinary response is only news") {
  const FeedOutcome got = feed("HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok");
  CHECK(got.complete());
  CHECK(got.body == "ok");
  CHECK(got.keep_alive);
}

TEST_CASE("reader: one reader, many responses") {
  http1::Reader reader;
  ResponseHead head;
  Fields trailers;
  const std::string chunked = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                              std::string(1000, 'e') + "\r\nx\r\n0\r\nT: u\r\n\r\n";
  const std::string plain = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
  for (int round = 0; round < 20; ++round) {  // what is counted over a message starts anew with each
    for (const std::string& each : {chunked, plain}) {
      std::string text = each;
      reader.start(head, &trailers, {});
      CHECK_FALSE(reader.started());
      const auto step = reader.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
      CHECK(step.complete);
      CHECK(reader.started());
      CHECK(head.status == (each == chunked ? 200 : 201));
      CHECK(head.fields.size() == (each == chunked ? 2 : 1));
      CHECK(trailers.size() == (each == chunked ? 1 : 0));
      reader.reset();
    }
  }
}

TEST_CASE("SB-16 reader: a response that is cut is never whole") {
  for (const std::string_view whole :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 None\r\nA: b\r\n\r\n"}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      for (const Eof eof : {Eof::clean, Eof::dirty}) {
        CAPTURE(size);
        const FeedOutcome got = test::feed_detail::in_pieces(whole.substr(0, size), whole.size(), {.eof = eof});
        CHECK(got.failed_with(size == 0 ? Code::connection_closed : Code::truncated));
      }
    }
    CHECK(feed(whole, {.eof = Eof::dirty}).complete());
  }
  // Framed by the end, and the end is not a proper one: TLS without close_notify.
  const FeedOutcome got = feed("HTTP/1.1 200 OK\r\n\r\nsome", {.eof = Eof::dirty});
  CHECK(got.failed_with(Code::truncated));
  CHECK(got.body == "some");
  CHECK(feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", {.eof = Eof::clean}).message.find("4 of 9") !=
        std::string::npos);
}

TEST_CASE("SB-57 reader: trailers are kept apart and mean nothing") {
  const FeedOutcome got = feed(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
      "Set-Cookie: a=b\r\nLocation: /x\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
  CHECK(got.complete());
  CHECK(got.body == "ok");
  CHECK(got.fields == Pairs{{"Transfer-Encoding", "chunked"}});
  CHECK(got.trailers ==
        Pairs{{"Set-Cookie", "a=b"}, {"Location", "/x"}, {"Content-Encoding", "gzip"}, {"Connection", "close"}});
  CHECK(got.keep_alive);
}

TEST_CASE("SB-60 reader: a Content-Length of 2^62 is a number and nothing else") {
  const FeedOutcome got =
      feed("HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\nsome", {.eof = Eof::clean});
  CHECK(got.failed_with(Code::truncated));
  CHECK(got.body == "some");
  CHECK(got.message.find("4 of 4611686018427387904") != std::string::npos);
}

}  // namespace sluice
