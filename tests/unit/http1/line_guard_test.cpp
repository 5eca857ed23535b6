// core/http1/line_guard: lines, chunk size lines and their limits, without a parser after it, for every split of the
// input.
#include "core/http1/line_guard.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.hpp"

namespace sluice {
namespace {

using namespace std::string_view_literals;
using http1::ChunkGuard;
using http1::LineEnds;
using http1::SectionGuard;
using Lines = std::vector<std::string>;

enum class Part : std::uint8_t { head, trailers };

struct Cut {
  Lines lines;
  bool ended = false, mixed = false;
  std::size_t taken = 0;
  std::size_t folds = 0;
  std::string fault;
  Code code = Code::internal;
  friend bool operator==(const Cut&, const Cut&) = default;
};

Cut cut_in_pieces(std::string_view text, Part part, Http1 mode, std::size_t piece) {
  SectionGuard guard;
  LineEnds ends;
  ends.start(mode);
  part == Part::head ? guard.start_head() : guard.start_trailers();
  Cut got;
  for (std::size_t at = 0; at < text.size() && !got.ended && got.fault.empty(); at += piece) {
    const std::string_view given = text.substr(at, piece);
    const std::vector<std::uint8_t> memory(given.begin(), given.end());  // a read past its end is seen
    Bytes rest(memory);
    while (!rest.empty() && !got.ended && got.fault.empty()) {
      const SectionGuard::Cut cut = guard.next(rest, ends);
      REQUIRE(cut.taken <= rest.size());
      got.taken += cut.taken;
      rest = rest.subspan(cut.taken);
      if (cut.found == SectionGuard::Found::line) got.lines.emplace_back(cut.line);
      if (cut.found == SectionGuard::Found::line && cut.folded) ++got.folds;
      got.ended = cut.found == SectionGuard::Found::end;
      if (cut.found == SectionGuard::Found::fault) {
        got.fault = cut.fault;
        got.code = cut.code;
      }
    }
  }
  CHECK((guard.bytes() == got.taken || !got.fault.empty()));
  if (!got.fault.empty()) got.taken = 0;  // of a line that is wrong nobody needs it
  got.mixed = ends.mixed();
  return got;
}

Cut cut(std::string_view text, Part part = Part::head, Http1 mode = Http1::tolerant) {
  CAPTURE(text.substr(0, 100));
  const Cut whole = cut_in_pieces(text, part, mode, text.size());
  for (std::size_t piece = 1; piece < std::min<std::size_t>(text.size(), 40); ++piece) {
    CAPTURE(piece);
    CHECK(cut_in_pieces(text, part, mode, piece) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("line_guard: lines without their ends, up to the empty one") {
  for (const Http1 mode : {Http1::strict, Http1::tolerant}) {
    const Cut got = cut("HTTP/1.1 200 OK\r\nA: b\r\nC:\r\n\r\nmore\r\n", Part::head, mode);
    CHECK(got.lines == Lines{"HTTP/1.1 200 OK", "A: b", "C:"});
    CHECK(got.ended);
    CHECK(got.taken == 29);
    CHECK_FALSE(got.mixed);
    CHECK(cut("\r\n", Part::trailers, mode).ended);
    CHECK(cut("A: b\r\n\r\n", Part::trailers, mode).lines == Lines{"A: b"});
  }
}

TEST_CASE("line_guard: a field line is whole when the byte after it has come") {
  CHECK(cut("HTTP/1.1 200 OK\r\n").lines.size() == 1);
  CHECK(cut("HTTP/1.1 200 OK\r\nA: b\r\n").lines.size() == 1);
  CHECK(cut("HTTP/1.1 200 OK\r\nA: b\r\nC").lines.size() == 2);
  CHECK(cut("HTTP/1.1 200 OK\r\nA: b\r\n\r").lines.size() == 2);
  CHECK_FALSE(cut("HTTP/1.1 200 OK\r\nA: b\r\n\r").ended);
}

TEST_CASE("SB-13 line_guard: LF alone ends a line in tolerant mode; a mix is noticed") {
  const Cut lf = cut("HTTP/1.1 200 OK\nA: b\n\n");
  CHECK(lf.lines == Lines{"HTTP/1.1 200 OK", "A: b"});
  CHECK(lf.ended);
  CHECK_FALSE(lf.mixed);
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\nA: b\r\n\r\n"sv, "HTTP/1.1 200 OK\r\nA: b\n\r\n"sv, "HTTP/1.1 200 OK\r\nA: b\r\n\n"sv}) {
    CHECK(cut(text).ended);
    CHECK(cut(text).mixed);
  }
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\n"sv, "HTTP/1.1 200 OK\r\nA: b\n"sv, "HTTP/1.1 200 OK\r\n\n"sv}) {
    CHECK(cut(text, Part::head, Http1::strict).fault == "a LF without a CR before it");
  }
}

TEST_CASE("SB-13 line_guard: a CR alone is wrong in both modes") {
  for (const Http1 mode : {Http1::strict, Http1::tolerant}) {
    for (const std::string_view text :
         {"HTTP/1.1 200 O\rK\r\n"sv, "HTTP/1.1 200\rOK"sv, "HTTP/1.1 200 OK\r\nA: b\rc\r\n"sv,
          "HTTP/1.1 200 OK\r\nA: b\r\r\n"sv, "HTTP/1.1 200 OK\r\n\rA: b"sv, "HTTP/1.1 200 OK\r\n\r A: b"sv,
          "HTTP/1.1 200 OK\r\nA: b\r\n\r\r\n"sv}) {
      CHECK(cut(text, Part::head, mode).fault == "a CR without a LF after it");
    }
  }
}

TEST_CASE("line_guard: folds are one space in tolerant mode, and nothing can be continued at the start") {
  const Cut got = cut("HTTP/1.1 200 OK\r\nA: b \t\r\n \tc\r\n\td\r\nE:\r\n \r\nF: g\n h\n\r\n");
  CHECK(got.lines == Lines{"HTTP/1.1 200 OK", "A: b c d", "E: ", "F: g h"});
  CHECK(got.folds == 3);
  CHECK(cut("A: b\r\n c\r\n\r\n", Part::trailers).lines == Lines{"A: b c"});
  constexpr std::string_view kLeading = "a line that begins with white space";
  CHECK(cut("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", Part::head, Http1::strict).fault == kLeading);
  for (const Http1 mode : {Http1::strict, Http1::tolerant}) {
    CHECK(cut("HTTP/1.1 200 OK\r\n A: b\r\n", Part::head, mode).fault == kLeading);
    CHECK(cut("\tA: b\r\n", Part::trailers, mode).fault == kLeading);
  }
}

TEST_CASE("SB-55 line_guard: a status line is refused at its first wrong byte, without an end in sight") {
  const auto fault = [](std::string_view text, Http1 mode = Http1::tolerant) {
    return cut(text, Part::head, mode).fault;
  };
  for (const std::string_view text : {"<"sv, "SSH-2.0"sv, "HTTp"sv, "HTTP/2"sv, "\r"sv, "\n"sv, " "sv, "\0"sv}) {
    CHECK(cut(text).code == Code::not_http);
    CHECK(fault(text) == "no HTTP/1 status line");
  }
  for (const char minor : std::string_view("23456789 .x/")) {
    const std::string text = std::string("HTTP/1.") + minor;
    CHECK(cut(text).code == Code::not_http);
    CHECK(fault(text) == "an HTTP version that is neither 1.0 nor 1.1");
  }
  CHECK(fault("HTTP/1.10") == "no space after the version");
  CHECK(fault("HTTP/1.1  ") == "more than one space before the status code");
  CHECK(fault("HTTP/1.1 x") == "a status code that is not three digits");
  CHECK(fault("HTTP/1.1 20\r") == "a status code that is not three digits");
  CHECK(fault("HTTP/1.1 0") == "a status code below 100");
  CHECK(fault("HTTP/1.1 2000") == "a status code of more than three digits");
  CHECK(fault("HTTP/1.1 200x") == "no space after the status code");
  CHECK(fault("HTTP/1.1 6", Http1::strict) == "a status code outside 100 to 599");
  CHECK(cut("HTTP/1.1 6", Part::head, Http1::strict).code == Code::malformed_response);
  for (const std::string_view text : {"HTTP/1.0 100"sv, "HTTP/1.1 999 x"sv, "HTTP/1.1 600\r"sv, "HTTP/1.1 200\n"sv}) {
    CHECK(fault(text).empty());
  }
}

TEST_CASE("SB-18 line_guard: a section has a cap, with its last line end, and not a byte more") {
  const std::string head = "HTTP/1.1 200 OK\r\nA: ";
  for (const std::string_view end : {"\r\n\r\n"sv, "\n\n"sv, "\r\n B\r\n\r\n"sv}) {
    const std::string fits =
        head + std::string(limits::kMaxHeadBytes - head.size() - end.size(), 'x') + std::string(end);
    REQUIRE(fits.size() == limits::kMaxHeadBytes);
    for (const std::size_t piece : {fits.size(), std::size_t{1}, std::size_t{997}}) {
      CHECK(cut_in_pieces(fits, Part::head, Http1::tolerant, piece).ended);
      const Cut longer = cut_in_pieces("HTTP/1.1 200 OK!" + fits.substr(15), Part::head, Http1::tolerant, piece);
      CHECK(longer.code == Code::response_too_large);
      CHECK(longer.fault == "more than 307200 header bytes");
      CHECK_FALSE(longer.ended);
    }
  }
}

namespace {

struct Chunked {
  bool ended = false, mixed = false;
  std::size_t taken = 0, digits = 0;
  std::string fault;
  Code code = Code::internal;
  friend bool operator==(const Chunked&, const Chunked&) = default;
};

enum class Where : std::uint8_t { size_line, after_data };

Chunked scan_in_pieces(std::string_view text, Where where, Http1 mode, std::size_t piece, std::uint64_t body_bytes) {
  ChunkGuard guard;
  LineEnds ends;
  ends.start(mode);
  guard.start_message();
  where == Where::size_line ? guard.start_line() : guard.start_end();
  Chunked got;
  for (std::size_t at = 0; at < text.size() && !got.ended && got.fault.empty(); at += piece) {
    const Bytes given = as_bytes(text.substr(at, piece));
    const auto scan =
        where == Where::size_line ? guard.scan_line(given, body_bytes, ends) : guard.scan_end(given, ends);
    got.taken += scan.good;
    got.ended = scan.ended;
    if (scan.fault != nullptr) {
      got.fault = scan.fault;
      got.code = scan.code;
    }
  }
  got.digits = guard.digits();
  got.mixed = ends.mixed();
  return got;
}

Chunked scan(std::string_view text, Where where = Where::size_line, Http1 mode = Http1::tolerant,
             std::uint64_t body_bytes = 0) {
  CAPTURE(text.substr(0, 100));
  const Chunked whole = scan_in_pieces(text, where, mode, text.size(), body_bytes);
  for (std::size_t piece = 1; piece < std::min<std::size_t>(text.size(), 20); ++piece) {
    CHECK(scan_in_pieces(text, where, mode, piece, body_bytes) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("SB-17 line_guard: a chunk's size line") {
  for (const Http1 mode : {Http1::strict, Http1::tolerant}) {
    const auto line = [mode](std::string_view text) { return scan(text, Where::size_line, mode); };
    CHECK(line("1aF\r\nx").ended);
    CHECK(line("1aF\r\nx").taken == 5);
    CHECK(line("1aF\r\nx").digits == 3);
    CHECK(line("5;a=\"b\t\xff\"\r\n").ended);
    CHECK(line("5 \t;a\r\n").ended);
    CHECK(line("0000000000000005\r\n").ended);
    CHECK(line("00000000000000005").fault == "a chunk size of more than 16 digits");
    for (const std::string_view text : {"\r\n"sv, "\n"sv, ";a"sv, " 5"sv, "-5"sv, "g"sv})
      CHECK(line(text).fault == "a chunk without a size");
    for (const std::string_view text : {"5x"sv, "5 5"sv, "5,"sv, "5\x7f"sv, "5\0"sv, "5 \x01"sv}) {
      CHECK(line(text).fault == "a chunk size that is not hexadecimal");
    }
    for (const std::string_view text : {"5;\x01"sv, "5;a\x7f"sv, "5;a\0"sv, "5;\x1f"sv, "5;\x0b"sv}) {
      CHECK(line(text).fault == "a control byte in a chunk extension");
    }
    CHECK(line("5\rx").fault == "a CR without a LF after it");
    CHECK(line("5;a\rx").fault == "a CR without a LF after it");
  }
  CHECK(scan("5 \t\r\n").ended);
  CHECK(scan("5 \t\r\n", Where::size_line, Http1::strict).fault == "blanks after a chunk size");
  CHECK(scan("5\n").ended);
  CHECK(scan("5;a\n").ended);
  CHECK(scan("5\n", Where::size_line, Http1::strict).fault == "a LF without a CR before it");
}

TEST_CASE("line_guard: the line end after a chunk's data") {
  CHECK(scan("\r\n5", Where::after_data, Http1::strict).taken == 2);
  CHECK(scan("\r\n5", Where::after_data, Http1::strict).ended);
  CHECK(scan("\n5", Where::after_data).taken == 1);
  constexpr std::string_view kFault = "a chunk whose data is not followed by CRLF";
  CHECK(scan("\n5", Where::after_data, Http1::strict).fault == kFault);
  for (const std::string_view text : {"x"sv, "\rx"sv, "\r\r"sv, " \r\n"sv})
    CHECK(scan(text, Where::after_data).fault == kFault);
}

TEST_CASE("SB-59 line_guard: what a size line holds besides its size is capped, for itself and against the body") {
  const auto padded = [](std::size_t bytes) { return "5;" + std::string(bytes - 1, 'x') + "\r\n"; };
  constexpr std::size_t kMost = limits::kMaxChunkExtensionBytes;
  CHECK(scan_in_pieces(padded(kMost), Where::size_line, Http1::strict, 1000, 0).ended);
  CHECK(scan_in_pieces(padded(kMost + 1), Where::size_line, Http1::strict, 1000, 1'000'000).code ==
        Code::response_too_large);
  ChunkGuard guard;
  LineEnds ends;
  ends.start(Http1::strict);
  guard.start_message();
  const std::string whole = padded(kMost), rest = padded(11);
  const auto next = [&](const std::string& text, std::uint64_t body_bytes) {
    guard.start_line();
    return guard.scan_line(as_bytes(text), body_bytes, ends);
  };
  CHECK(next(whole, 0).ended);
  CHECK(next(rest, 11).ended);
  CHECK(next(rest, 22).ended);
  CHECK(next(rest, 32).code == Code::response_too_large);
}

}  // namespace sluice
