// core/http1/reader: what servers send although RFC 9112 forbids it. Each row in both modes, whole, byte by byte and at
// each split: tolerant mode accepts it, with this body, and may or may not reuse the connection; strict mode refuses it
// or not.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/feed.hpp"

namespace sluice {
namespace {

using namespace std::string_view_literals;
using test::feed;
using test::FeedOptions;
using test::FeedOutcome;
using Pairs = std::vector<std::pair<std::string, std::string>>;

enum class Again : std::uint8_t { yes, no };  // whether the connection may carry the next request
enum class Strict : std::uint8_t { takes_it, refuses };

struct Row {
  const char* what;
  std::string_view text;
  std::string_view body;
  Again again = Again::yes;
  Strict strict = Strict::refuses;
  FeedOptions options = {};
};

constexpr FeedOptions kAnswersHead = {.expectation = {.to_head = true}};
constexpr FeedOptions kToTheEnd = {.eof = test::Eof::clean};

const Row kRows[] = {
    // Line ends (RFC 9112 2.2).
    {"LF throughout", "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\n\nhello", "hello"},
    {"LF throughout, no reason", "HTTP/1.1 200\nContent-Length: 5\n\nhello", "hello"},
    {"LF throughout, in chunks", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\nA: b\n\n", "hello"},
    {"LF after the status line only", "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello", "hello", Again::no},
    {"LF after one field", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\nhello", "hello", Again::no},
    {"LF for the empty line", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", "hello", Again::no},
    {"an interim head by LF, the final one by CRLF",
     "HTTP/1.1 100 Go on\n\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", Again::no},
    {"LF after a chunk's size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", "hello",
     Again::no},
    {"LF after an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n", "hello",
     Again::no},
    {"LF after a chunk's data", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", "hello",
     Again::no},
    {"LF in trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\n\r\n", "hello",
     Again::no},
    {"LF after an answer to HEAD", "HTTP/1.1 200 OK\r\nA: b\r\n\n", "", Again::no, Strict::refuses, kAnswersHead},

    // Folds (RFC 9112 5.2).
    {"a fold", "HTTP/1.1 200 OK\r\nX: one\r\n\ttwo;\r\n   three\r\nContent-Length: 5\r\n\r\nhello", "hello"},
    {"a fold of nothing", "HTTP/1.1 200 OK\r\nX:\r\n \r\n\t \r\nContent-Length: 5\r\n\r\nhello", "hello"},
    {"a fold in a trailer",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n", "hello"},
    {"a fold in Content-Length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello", "hello", Again::no},
    {"a fold in Transfer-Encoding",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n ,\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", Again::no},

    // Lengths (RFC 9112 6.3).
    {"equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\ncontent-length: 5\r\n\r\nhello", "hello"},
    {"listed lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5 ,5\r\n\r\nhello", "hello"},
    {"equal lengths of nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", ""},
    {"tabs around a length", "HTTP/1.1 200 OK\r\nContent-Length:\t5 \t\r\n\r\nhello", "hello", Again::yes,
     Strict::takes_it},
    {"a length beside chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 78\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello",
     Again::no},
    {"a length before chunked",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello",
     Again::no},

    // Transfer-Encoding (RFC 9110 5.6.1.2: empty elements are nothing).
    {"chunked and a comma", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello",
     Again::yes, Strict::takes_it},
    {"commas around chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked , ,\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
     "hello", Again::yes, Strict::takes_it},
    {"identity and a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
     "hello", Again::no},
    {"identity to the end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Identity\r\n\r\nhello", "hello", Again::no,
     Strict::refuses, kToTheEnd},
    {"identity in HTTP/1.0",
     "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
     "hello", Again::no},
    {"an encoding without a name", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello", "hello",
     Again::no},

    // Chunk sizes.
    {"padded sizes",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5   \r\nhello\r\n6\t\r\n world\r\n0  \r\n\r\n",
     "hello world"},
    {"blanks before an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a\r\nhello\r\n0\r\n\r\n",
     "hello", Again::yes, Strict::takes_it},

    // Fields.
    {"control bytes in a value",
     "HTTP/1.1 200 OK\r\nSet-Cookie: a=En\x01kW\x7f\x1b; path=/\r\nContent-Length: 5\r\n\r\nhello", "hello"},
    {"control bytes in a trailer",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: \x02\r\n\r\n", "hello"},
    {"odd names",
     "HTTP/1.1 200 OK\r\nX(y): 1\r\n@a/b: 2\r\nna\xc3\xafve: 3\r\nMy Own: 4\r\nContent-Length: 5\r\n\r\nhello",
     "hello"},
    {"a blank before a colon", "HTTP/1.1 200 OK\r\nSet-Cookie : a=b\r\nContent-Length: 5\r\n\r\nhello", "hello",
     Again::no},
    {"a blank before a folded field's colon", "HTTP/1.1 200 OK\r\nX\t: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
     "hello", Again::no},
    {"a field without a name", "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 5\r\n\r\nhello", "hello", Again::no},
    {"a quote in Connection hides no close",
     "HTTP/1.1 200 OK\r\nConnection: \"x, close\r\nContent-Length: 5\r\n\r\nhello", "hello", Again::no,
     Strict::takes_it},

    // Statuses (RFC 9110 15).
    {"600", "HTTP/1.1 600 What\r\nContent-Length: 5\r\n\r\nhello", "hello"},
    {"999", "HTTP/1.1 999 Request denied\r\nContent-Length: 5\r\n\r\nhello", "hello"},

    // Answers that have no body: their framing says nothing.
    {"HEAD: both framings", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n", "",
     Again::no, Strict::refuses, kAnswersHead},
    {"HEAD: an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "", Again::no, Strict::refuses,
     kAnswersHead},
    {"HEAD: chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", "",
     Again::no, Strict::refuses, kAnswersHead},
    {"HEAD: one framing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", Again::yes, Strict::takes_it,
     kAnswersHead},
    {"204: a length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", ""},
    {"204: a length of nothing", "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", ""},
    {"204: chunked", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
    {"204: a length, to HEAD", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "", Again::yes, Strict::refuses,
     kAnswersHead},
    {"204: none", "HTTP/1.1 204 No\r\n\r\n", "", Again::yes, Strict::takes_it},
    {"304: a length", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "", Again::yes, Strict::takes_it},
    {"HEAD: a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", Again::yes, Strict::takes_it, kAnswersHead},
    {"103: a length",
     "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
    {"204: both framings", "HTTP/1.1 204 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "", Again::no},
    {"304: an unknown coding", "HTTP/1.1 304 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "", Again::no},
    {"103: both framings",
     "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     "hello", Again::no},
};

FeedOptions in(Http1 mode, FeedOptions options = {}) {
  options.expectation.rules.http1 = mode;
  return options;
}

}  // namespace

TEST_CASE("SB-13 SB-14 reader: what servers send, row by row, tolerant and strict") {
  for (const Row& row : kRows) {
    CAPTURE(row.what);
    const FeedOutcome tolerant = feed(row.text, in(Http1::tolerant, row.options));
    INFO(tolerant.message);
    CHECK(tolerant.complete());
    CHECK(tolerant.body == row.body);
    CHECK(tolerant.surplus == 0);
    CHECK(tolerant.keep_alive == (row.again == Again::yes));
    const FeedOutcome strict = feed(row.text, in(Http1::strict, row.options));
    CHECK(strict.complete() == (row.strict == Strict::takes_it));
    if (strict.complete()) {
      CHECK(strict == tolerant);
    } else {
      CHECK((strict.failed_with(Code::malformed_response) || strict.failed_with(Code::unsupported_coding)));
    }
  }
}

TEST_CASE("reader: a fold reads as one space, whatever is around it") {
  const FeedOutcome got = feed(
      "HTTP/1.1 200 OK\r\nX-Policy: one \t\r\n\ttwo;\r\n   three\r\nEmpty:\r\n \r\n\t\r\nLate:\r\n\tx y \r\n"
      "Content-Length: 0\r\n\r\n");
  CHECK(got.fields == Pairs{{"X-Policy", "one two; three"}, {"Empty", ""}, {"Late", "x y"}, {"Content-Length", "0"}});
}

TEST_CASE("reader: odd fields are passed on as they came, but for those that are dropped") {
  const FeedOutcome got = feed(
      "HTTP/1.1 200 OK\r\nX(y): 1\r\nna\xc3\xafve: \x01\x02\r\nMy Own:2\r\nGone : 3\r\n: 4\r\nContent-Length: 0\r\n\r\n");
  CHECK(got.fields == Pairs{{"X(y)", "1"}, {"na\xc3\xafve", "\x01\x02"}, {"My Own", "2"}, {"Content-Length", "0"}});
}

TEST_CASE("SB-16 reader: in tolerant mode too a response that is cut is never whole") {
  for (const Row& row : kRows) {
    if (row.options.eof != test::Eof::none) continue;  // its end is the end
    CAPTURE(row.what);
    for (std::size_t size = 1; size < row.text.size(); ++size) {
      FeedOptions options = row.options;
      options.eof = test::Eof::clean;
      const FeedOutcome got = test::feed_detail::in_pieces(row.text.substr(0, size), 100, options);
      if (!got.failed_with(Code::truncated)) FAIL("cut after ", size, " bytes: ", got.message);
    }
  }
}

TEST_CASE("SB-16 reader: an end without a close_notify ends a body only where an option says so, and it is told") {
  constexpr std::string_view kText = "HTTP/1.1 200 OK\r\n\r\nsome";
  using enum StreamEnd;
  const auto ended = [](std::string_view text, StreamEnd how, bool truncation_ok) {
    std::string memory(text);
    ResponseHead head;
    http1::Reader reader;
    reader.start(head, nullptr, {.rules = {.truncation_ok = truncation_ok}});
    reader.read({reinterpret_cast<std::uint8_t*>(memory.data()), memory.size()});
    const bool whole = reader.end(how).has_value();
    return std::pair(whole, reader.truncated());
  };
  CHECK(ended(kText, clean, false) == std::pair(true, false));
  CHECK(ended(kText, clean, true) == std::pair(true, false));
  CHECK(ended(kText, bare, false) == std::pair(false, false));
  CHECK(ended(kText, bare, true) == std::pair(true, true));
  CHECK(ended(kText, cut, false) == std::pair(false, false));
  CHECK(ended(kText, cut, true) == std::pair(false, false));
  CHECK(ended("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", bare, true).first == false);
  CHECK(ended("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", bare, true).first == false);
  CHECK(ended("HTTP/1.1 200 OK\r\nA: b\r\n", bare, true).first == false);
}

TEST_CASE("reader: HTTP/0.9 is all body, where it may be") {
  FeedOptions options = {.expectation = {.rules = {.allow_http0_9 = true}}, .eof = test::Eof::clean};
  for (const std::string_view text :
       {"<html>\r\n\r\n"sv, "HTML"sv, "HTTPS is not HTTP/1.1 200 OK\r\n\r\n"sv, "\0\r\n"sv, "HTTP?"sv}) {
    CAPTURE(text);
    const FeedOutcome got = feed(text, options);
    CHECK(got.complete());
    CHECK(got.body == text);
    CHECK(got.status == 0);
    CHECK(got.major_version == 0);
    CHECK(got.minor_version == 9);
    CHECK_FALSE(got.keep_alive);
    CHECK(feed(text, {.eof = test::Eof::clean}).failed_with(Code::not_http));
  }
  for (const std::string_view text : {"HTTP/2 200 OK\r\n\r\n"sv, "HTTP/1.1 100 Go on\r\n\r\n<html>"sv}) {
    CHECK(feed(text, options).failed_with(Code::not_http));
  }
  CHECK(feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", options).status == 200);
  options.expectation.to_head = true;
  CHECK(feed("<html>", options).failed_with(Code::not_http));
}

TEST_CASE("reader: a head can be kept as it came, and its bytes are counted") {
  FeedOptions options;
  options.expectation.rules.keep_raw_head = true;
  for (const std::string_view head : {"HTTP/1.1 200\r\nA:b \r\nC : d\r\nE: f\r\n\tg\r\nContent-Length: 5\r\n\r\n"sv,
                                      "HTTP/1.1 299  X\nContent-Length:5\n\n"sv}) {
    const std::string interim = "HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n";
    const FeedOutcome got = feed(interim + std::string(head) + "hello", options);
    CHECK(got.raw == interim + std::string(head));
    CHECK(got.head_bytes == interim.size() + head.size());
    CHECK(feed(interim + std::string(head) + "hello").raw.empty());
  }
}

}  // namespace sluice
