// core/http1/reader: bodies with transfer codings besides chunked, and raw bodies, row by row; each row whole, byte by
// byte and at each split.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/support/feed.hpp"

namespace sluice {
namespace {

using http::BodyForm;
using test::feed;
using test::FeedOptions;
using test::FeedOutcome;

FeedOptions formed(BodyForm form, test::Eof eof = test::Eof::none, Http1 mode = Http1::tolerant) {
  return {.expectation = {.rules = {.http1 = mode}, .body = form}, .eof = eof};
}

std::string response_of(std::string_view fields, std::string_view body, std::string_view version = "1.1") {
  return "HTTP/" + std::string(version) + " 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";
constexpr std::string_view kBothCodings = "Transfer-Encoding: gzip, chunked\r\n";
constexpr std::string_view kChunks = "5;x=y\r\nhello\r\n06\r\n world\r\n0\r\nA: b\r\n c\r\n\r\n";

struct FormRow {
  const char* what;
  std::string_view fields, body;
  std::string_view coded;  // what is given of the body in this form
  std::string_view raw;    // and in this one
  bool again = true;       // the connection may carry the next request
  bool to_the_end = false;
};

const FormRow kFormRows[] = {
    {"chunked", kChunked, kChunks, "hello world", kChunks},
    {"chunked, empty", kChunked, "0\r\n\r\n", "", "0\r\n\r\n"},
    {"a length", "Content-Length: 5\r\n", "hello", "hello", "hello"},
    {"to the end", "", "hello", "hello", "hello", false, true},
    {"gzip, chunked", kBothCodings, kChunks, "hello world", kChunks},
    {"two fields", "Transfer-Encoding: br\r\ntransfer-encoding: gzip ,CHUNKED\r\n", kChunks, "hello world", kChunks},
    {"gzip to the end", "Transfer-Encoding: gzip\r\n", "5\r\nhello", "5\r\nhello", "5\r\nhello", false, true},
    {"gzip beside a length", "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n", "hello", "hello", "hello", false,
     true},
    {"gzip before a length", "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n", "hello", "hello", "hello", false,
     true},
    {"chunked beside a length", "Content-Length: 2\r\nTransfer-Encoding: gzip, chunked\r\n", kChunks, "hello world",
     kChunks, false},
    {"LF throughout the chunks", kChunked, "5\nhello\n0\n\n", "hello", "5\nhello\n0\n\n", false},
};

}  // namespace

TEST_CASE("reader: coded and raw bodies, row by row") {
  for (const FormRow& row : kFormRows) {
    CAPTURE(row.what);
    const std::string text = response_of(row.fields, row.body);
    for (const BodyForm form : {BodyForm::coded, BodyForm::raw}) {
      const FeedOutcome got = feed(text, formed(form, row.to_the_end ? test::Eof::clean : test::Eof::none));
      INFO(got.message);
      CHECK(got.complete());
      CHECK(got.body == (form == BodyForm::raw ? row.raw : row.coded));
      CHECK(got.keep_alive == row.again);
      CHECK(got.surplus == 0);
    }
  }
}

TEST_CASE("reader: the trailers of a raw body are fields as well, and what follows the body is none of it") {
  const FeedOutcome got = feed(response_of(kChunked, kChunks) + "HTTP/1.1", formed(BodyForm::raw));
  CHECK(got.complete());
  CHECK(got.body == kChunks);
  CHECK(got.surplus == 8);
  CHECK(got.trailers == std::vector<std::pair<std::string, std::string>>{{"A", "b c"}});
}

TEST_CASE("SB-13 reader: without being asked for a coding is an error, and framing stays checked in every form") {
  struct Row {
    const char* what;
    std::string text;
    BodyForm form;
    Code code;
    Http1 mode = Http1::tolerant;
  };
  const Row rows[] = {
      {"gzip", response_of(kBothCodings, kChunks), BodyForm::plain, Code::unsupported_coding},
      {"gzip alone", response_of("Transfer-Encoding: gzip\r\n", "x"), BodyForm::plain, Code::unsupported_coding},
      {"after chunked", response_of("Transfer-Encoding: chunked, gzip\r\n", kChunks), BodyForm::coded,
       Code::malformed_response},
      {"after chunked", response_of("Transfer-Encoding: chunked, gzip\r\n", kChunks), BodyForm::raw,
       Code::malformed_response},
      {"twice", response_of("Transfer-Encoding: chunked, chunked\r\n", kChunks), BodyForm::raw,
       Code::malformed_response},
      {"identity", response_of("Transfer-Encoding: identity, gzip\r\n", "x"), BodyForm::coded,
       Code::malformed_response},
      {"HTTP/1.0", response_of("Transfer-Encoding: gzip\r\n", "x", "1.0"), BodyForm::coded, Code::malformed_response},
      {"a length, strict", response_of("Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), BodyForm::coded,
       Code::malformed_response, Http1::strict},
      {"a chunk's size", response_of(kChunked, "5\r\nhello\r\nx\r\n"), BodyForm::raw, Code::malformed_response},
      {"a chunk's end", response_of(kChunked, "5\r\nhello!\r\n"), BodyForm::raw, Code::malformed_response},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const FeedOutcome got = feed(row.text, formed(row.form, test::Eof::none, row.mode));
    INFO(got.message);
    CHECK(got.failed_with(row.code));
  }
}

TEST_CASE("SB-16 reader: a raw body that is cut is never whole") {
  const std::string text = response_of(kChunked, kChunks);
  const std::size_t head = text.size() - kChunks.size();
  for (std::size_t size = head; size < text.size(); ++size) {
    const FeedOutcome got = feed(text.substr(0, size), formed(BodyForm::raw, test::Eof::clean));
    CHECK(got.failed_with(Code::truncated));
    CHECK(got.body == kChunks.substr(0, size - head));
  }
}

}  // namespace sluice
