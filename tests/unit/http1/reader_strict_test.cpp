// core/http1/reader: what strict mode refuses, what both modes refuse, and at which limit. What only tolerant mode
// accepts: reader_modes_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/feed.hpp"

namespace sluice {
namespace {

using namespace std::string_view_literals;
using test::feed;
using test::FeedOutcome;
using test::feed_detail::in_pieces;

constexpr std::string_view kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string operator+(std::string_view a, std::string_view b) { return std::string(a).append(b); }

constexpr test::FeedOptions kStrict = {.expectation = {.rules = {.http1 = Http1::strict}}};

void check_refused(std::string_view text, const test::FeedOptions& options, Code code) {
  CAPTURE(text);
  const FeedOutcome got = feed(text, options);
  CHECK(got.failed_with(code));
  CHECK(got.message.starts_with("response: "));
}

// By strict mode.
void check_malformed(std::string_view text) { check_refused(text, kStrict, Code::malformed_response); }

// By both.
void check_never(std::string_view text, Code code = Code::malformed_response) {
  check_refused(text, kStrict, code);
  check_refused(text, {}, code);
}

std::string with_fields(std::string_view fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\nhello, world"; }

}  // namespace

TEST_CASE("SB-13 reader: Content-Length with Transfer-Encoding") {
  check_malformed(with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
  check_malformed(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"));
  check_malformed(with_fields("transfer-encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n"));
}

TEST_CASE("SB-13 reader: several or listed Content-Lengths, or one that is no number") {
  for (const char* fields :
       {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\ncontent-length: 5\r\n",
        "Content-Length: 5, 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: 5 5\r\n", "Content-Length:\r\n",
        "Content-Length: \r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
        "Content-Length: 5a\r\n", "Content-Length: ,5\r\n", "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999999\r\n"}) {
    check_malformed(with_fields(fields));
  }
}

TEST_CASE("SB-13 reader: in both modes lengths that differ, or are no number") {
  for (const char* fields :
       {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: 5, 5, 6\r\n",
        "Content-Length: 5\r\nA: b\r\ncontent-length: 5, 6\r\n", "Content-Length: 5 5\r\n", "Content-Length:\r\n",
        "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5a\r\n",
        "Content-Length: ,5\r\n", "Content-Length: 5,\r\n", "Content-Length: 18446744073709551616\r\n",
        "Content-Length: \"5\"\r\n", "Content-Length: 5\r\n 5\r\n"}) {
    check_never(with_fields(fields));
  }
}

TEST_CASE("SB-13 reader: in both modes a bare CR, a NUL, and a framing field with a space before its colon") {
  for (const std::string_view fields : {"A: b\rc\r\n"sv,
                                        "A: b\r\r\nB: c\r\n"sv,
                                        "A\r: b\r\n"sv,
                                        "\rA: b\r\n"sv,
                                        "A: b\0c\r\n"sv,
                                        "A\0: c\r\n"sv,
                                        "A : b\0c\r\n"sv,
                                        "A: b\r\n c\0d\r\n"sv,
                                        "Content-Length : 5\r\n"sv,
                                        "content-length\t: 5\r\n"sv,
                                        "Content-Length \t : 5\r\n"sv,
                                        "Transfer-Encoding : chunked\r\n"sv,
                                        "Content-Length\x80: 5\r\n"sv,
                                        "@Content-Length: 5\r\n"sv,
                                        " A: b\r\n"sv,
                                        "\tA: b\r\n"sv,
                                        "no colon\r\n"sv,
                                        "nocolon\r\n"sv,
                                        "A\x01: b\r\n"sv,
                                        "A\x7f: b\r\n"sv}) {
    check_never(with_fields(fields));
  }
  check_never("HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n");
  check_never("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\r\n");
}

TEST_CASE("SB-13 reader: bare CR and bare LF") {
  check_malformed("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n");
  check_malformed("HTTP/1.1 200 OK\r\nContent-Length: 0\n\n");
  check_malformed("HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nA: b\rContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nA: b\r\r\nContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nA: b\r\n\rContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nA\r: b\r\n\r\n");
  check_malformed("HTTP/1.1 200\nContent-Length: 0\r\n\r\n");
  check_malformed("HTTP/1.1 200 \n\r\n");
}

TEST_CASE("SB-13 reader: bare CR and bare LF in chunks and trailers") {
  for (const char* body :
       {"5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\rC: d\r\n\r\n", "5;a=b\nhello\r\n0\r\n\r\n", "5;a\r=b\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n A: b\r\n\r\n", "5\r\nhello\r\n0\r\nA : b\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n"}) {
    check_malformed(kChunkedHead + body);
  }
  check_malformed(kChunkedHead + "5;a\0b\r\nhello\r\n0\r\n\r\n"sv);
}

TEST_CASE("SB-13 reader: obs-fold, and space before the colon") {
  check_malformed(with_fields("A: b\r\n c\r\nContent-Length: 5\r\n"));
  check_malformed(with_fields("A: b\r\n\tc\r\nContent-Length: 5\r\n"));
  check_malformed(with_fields("A:\r\n b\r\nContent-Length: 5\r\n"));
  check_malformed(with_fields(" A: b\r\nContent-Length: 5\r\n"));
  check_malformed(with_fields("Content-Length : 5\r\n"));
  check_malformed(with_fields("Content-Length\t: 5\r\n"));
  check_malformed(with_fields("A B: c\r\n"));
  check_malformed(with_fields(": c\r\n"));
  check_malformed(with_fields("no colon\r\n"));
  check_malformed(with_fields("nocolon\r\n"));
  check_malformed(with_fields("A\x80: c\r\n"));
  check_malformed(with_fields("A: b\0c\r\n"sv));
  check_malformed(with_fields("A: b\x7f\r\n"));
  check_malformed(with_fields("A: b\x01\r\n"));
}

TEST_CASE("SB-14 reader: Transfer-Encoding is chunked, once, in HTTP/1.1") {
  const auto with_coding = [](const char* fields) {
    return "HTTP/1.1 200 OK\r\n" + (fields + std::string("\r\n2\r\nok\r\n0\r\n\r\n"));
  };
  for (const char* fields :
       {"Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, identity\r\n"}) {
    check_never(with_coding(fields));
  }
  for (const char* fields :
       {"Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"}) {
    check_refused(with_coding(fields), kStrict, Code::unsupported_coding);
    check_refused(with_coding(fields), {}, Code::malformed_response);
  }
  for (const char* fields :
       {"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\r\n", "Transfer-Encoding: identity, gzip\r\n",
        "Transfer-Encoding: chun\x80ked\r\n", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"}) {
    if (std::string_view(fields).find("identity") == std::string_view::npos) {
      check_refused(with_coding(fields), kStrict, Code::unsupported_coding);
    }
    check_refused(with_coding(fields), {}, Code::unsupported_coding);
  }
  check_never("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n");
  check_malformed("HTTP/1.1 200 OK\r\nTransfer-Encoding: , ,\r\n\r\n");
  check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", kStrict, Code::unsupported_coding);
  const FeedOutcome named = feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
  CHECK(named.message == "response: Transfer-Encoding \"gzip\", which is not decoded here");
}

TEST_CASE("SB-17 reader: chunk sizes that are none") {
  for (const char* size : {"-2", "+5", "0x5", "00000000000000005", "10000000000000000", "fffffffffffffffff", "", ";a",
                           "g", "5g", " 5", ",5", "5 5", "5 g;a", "5;a\x01", "5;a\x7f", "5 \x7f;a", "5 \x01"}) {
    check_never(kChunkedHead + size + "\r\nhello\r\n0\r\n\r\n");
  }
  check_malformed(kChunkedHead + "5 \r\nhello\r\n0\r\n\r\n");
}

TEST_CASE("SB-17 reader: a claim of 2^64-1 is streamed, not allocated") {
  const FeedOutcome got = feed(kChunkedHead + "ffffffffffffffff\r\nsome bytes", {.eof = test::Eof::clean});
  CHECK(got.failed_with(Code::truncated));
  CHECK(got.body == "some bytes");
}

TEST_CASE("SB-18 reader: a head of 300 KiB and no byte more") {
  const std::string_view start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ";
  const std::size_t room = limits::kMaxHeadBytes - start.size() - 4;
  CHECK(feed(start + std::string(room, 'x') + "\r\n\r\n").complete());
  CHECK(feed(start + std::string(room + 1, 'x') + "\r\n\r\n").failed_with(Code::response_too_large));
  // One endless line, with and without a name, without an end in sight.
  CHECK(feed(start + std::string(2 * limits::kMaxHeadBytes, 'x')).failed_with(Code::response_too_large));
  CHECK(
      feed("HTTP/1.1 200 OK\r\n" + std::string(2 * limits::kMaxHeadBytes, 'x')).failed_with(Code::response_too_large));
  CHECK(feed("HTTP/1.1 200 " + std::string(2 * limits::kMaxHeadBytes, 'x')).failed_with(Code::response_too_large));
}

TEST_CASE("SB-18 reader: 5,000 fields and not one more, in a head and in trailers") {
  std::string fields;
  for (std::size_t i = 0; i < limits::kMaxFields - 1; ++i) fields += "a: b\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields;
  CHECK(feed(head + "\r\n").complete());
  CHECK(feed(head + "a: b\r\n\r\n").failed_with(Code::response_too_large));
  CHECK(feed(head + "a: b\r\n\r\n").message == "response: more than 5000 fields");
  const std::string trailers = kChunkedHead + "0\r\na: b\r\n" + fields;
  CHECK(feed(trailers + "\r\n").complete());
  CHECK(feed(trailers + "a: b\r\n\r\n").failed_with(Code::response_too_large));
}

TEST_CASE("SB-18 reader: trailers of 300 KiB, also of one line") {
  const std::string_view start = "0\r\nA: ";
  const std::size_t room = limits::kMaxHeadBytes - 3 - 4;
  CHECK(feed(kChunkedHead + start + std::string(room, 'x') + "\r\n\r\n").complete());
  CHECK(feed(kChunkedHead + start + std::string(room + 1, 'x') + "\r\n\r\n").failed_with(Code::response_too_large));
}

TEST_CASE("SB-18 reader: nothing stands before a status line") {
  check_never("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Code::not_http);
  check_never("\r\n\r\n\r\n\r\n\r\n\r\n", Code::not_http);
  check_never("\nHTTP/1.1 200 OK\r\n\r\n", Code::not_http);
  check_never(" HTTP/1.1 200 OK\r\n\r\n", Code::not_http);
}

TEST_CASE("SB-19 reader: each interim head has the cap of a head; how many there may be is the engine's affair") {
  std::string text;
  for (std::size_t i = 0; i < 200; ++i) text += "HTTP/1.1 102 Wait\r\nX-Progress: " + std::to_string(i) + "\r\n\r\n";
  const FeedOutcome got = in_pieces(text + "HTTP/1.1 204 Done\r\n\r\n", 100, {});
  CHECK(got.complete());
  CHECK(got.interims.size() == 200);
  CHECK(
      feed("HTTP/1.1 102 Wait\r\nA: " + std::string(limits::kMaxHeadBytes, 'x')).failed_with(Code::response_too_large));
}

TEST_CASE("SB-55 reader: start lines that the parser knows and HTTP/1 does not") {
  const auto with_end = [](const char* line) { return std::string(line) + "\r\nContent-Length: 0\r\n\r\n"; };
  for (const char* line : {"HTTP/0.9 200 OK", "HTTP/2.0 200 OK", "HTTP/2 200 OK", "HTTP/11.1 200 OK", "HTTP/3.0 200 OK",
                           "RTSP/1.0 200 OK", "RTSP/1.1 200 OK", "ICE/1.0 200 OK", "ICE/1.1 200 OK", "http/1.1 200 OK",
                           "GET / HTTP/1.1", "<html>", "HTTP /1.1 200 OK", "\xef\xbb\xbfHTTP/1.1 200 OK"}) {
    check_never(with_end(line), Code::not_http);
  }
  for (char minor = '2'; minor <= '9'; ++minor)
    check_never(with_end((std::string("HTTP/1.") + minor + " 200 OK").c_str()), Code::not_http);
  for (const char* line :
       {"HTTP/1.10 200 OK", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
        "HTTP/1.1  200 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 200OK", "HTTP/1.1\t200 OK", "HTTP/1.1",
        "HTTP/1.1 200\tOK", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK"}) {
    check_never(with_end(line));
  }
  check_malformed(with_end("HTTP/1.1 600 OK"));
  check_malformed(with_end("HTTP/1.1 999 OK"));
  check_never("HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"sv);
  for (int status : {200, 299, 404, 418, 599}) {
    CHECK(feed("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n", kStrict).status == status);
  }
}

TEST_CASE("reader: what is wrong is said in the words of HTTP") {
  const auto message = [](std::string_view text) { return feed(text, kStrict).message; };
  CHECK(message("HTTP/1.1 200 OK\r\nnocolon\r\n\r\n") == "response: a field line without a colon");
  CHECK(message("HTTP/1.1  200 OK\r\n\r\n") == "response: more than one space before the status code");
  CHECK(message(kChunkedHead + "5 \r\nhello\r\n0\r\n\r\n") == "response: blanks after a chunk size");
  CHECK(message(kChunkedHead + "5;\x01\r\nhello") == "response: a control byte in a chunk extension");
  CHECK(message("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n") == "response: a CR without a LF after it");
  CHECK(message("HTTP/1.1 200 OK\nA: b\r\n\r\n") == "response: a LF without a CR before it");
}

TEST_CASE("SB-55 reader: a reason has a cap of its own") {
  const std::string tail = "\r\nContent-Length: 0\r\n\r\n";
  CHECK(feed("HTTP/1.1 200 " + std::string(limits::kMaxReasonBytes, 'r') + tail).complete());
  CHECK(feed("HTTP/1.1 200 " + std::string(limits::kMaxReasonBytes + 1, 'r') + tail)
            .failed_with(Code::response_too_large));
}

TEST_CASE("SB-56 reader: every 101 is an error, and says whether it was asked for") {
  const std::string_view text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const FeedOutcome unasked = feed(text);
  CHECK(unasked.failed_with(Code::unexpected_upgrade));
  CHECK(unasked.message.find("not asked for") != std::string::npos);
  const FeedOutcome asked = feed(text, {.expectation = {.asked_upgrade = true}});
  CHECK(asked.failed_with(Code::unexpected_upgrade));
  CHECK(asked.message != unasked.message);
  CHECK(feed("HTTP/1.1 101 Switching Protocols\r\n\r\n").failed_with(Code::unexpected_upgrade));
  CHECK(feed("HTTP/1.1 100 Continue\r\n\r\n" + text).failed_with(Code::unexpected_upgrade));
}

TEST_CASE("SB-59 reader: chunk extensions have a cap in a chunk, and one in proportion to the data") {
  // One byte of data and 1,023 of its extension: the 16th is the last.
  const std::string chunk = "1;" + std::string(1023, 'x') + "\r\na\r\n";
  std::string text(kChunkedHead);
  for (int i = 0; i < 16; ++i) text += chunk;
  for (const Http1 mode : {Http1::strict, Http1::tolerant}) {
    const test::FeedOptions options = {.expectation = {.rules = {.http1 = mode}}};
    CHECK(feed(text + "0;" + std::string(15, 'x') + "\r\n\r\n", options).complete());
    CHECK(feed(text + "0;" + std::string(16, 'x') + "\r\n\r\n", options).failed_with(Code::response_too_large));
    CHECK(feed(text + chunk, options).failed_with(Code::response_too_large));
    const std::string data = std::string(100'000, 'd') + "\r\n";
    const std::string big = kChunkedHead + "186a0\r\n" + data;
    CHECK(feed(big + "0;" + std::string(limits::kMaxChunkExtensionBytes - 1, 'x') + "\r\n\r\n", options).complete());
    CHECK(feed(big + "0;" + std::string(limits::kMaxChunkExtensionBytes, 'x') + "\r\n\r\n", options)
              .failed_with(Code::response_too_large));
    CHECK(feed(kChunkedHead + "1" + std::string(limits::kMaxChunkExtensionBytes + 1, ' '), options)
              .failed_with(Code::response_too_large));
  }
}

TEST_CASE("SB-59 reader: a large body in signed chunks passes") {
  http1::Reader reader;
  ResponseHead head;
  reader.start(head, nullptr, {});
  const auto read = [&](std::string text) {
    return reader.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(read(std::string(kChunkedHead)).head);
  const std::string chunk = "400;chunk-signature=" + std::string(64, 'f') + "\r\n" + std::string(1024, 'd') + "\r\n";
  for (int i = 0; i < 2'000; ++i) {  // 168,000 bytes of extensions
    if (read(chunk).failed) FAIL(reader.error().message());
  }
  CHECK(read("0;chunk-signature=" + std::string(64, 'f') + "\r\n\r\n").complete);
}

}  // namespace sluice
