// adapters/cli/part_encoder: what the encoders of -F make, in pieces of every size. The reference is what curl 7.88
// sent.
#include "adapters/cli/part_encoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/cli/upload_source.hpp"
#include "tests/support/child.hpp"

namespace sluice::cli {
namespace {

std::string in_pieces(PartCoding coding, std::string_view text, std::size_t size) {
  PartEncoder encoder(coding);
  std::string out;
  do {
    const std::string_view piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    CHECK(encoder.encode(as_bytes(piece), text.empty(), out));
  } while (!text.empty());
  return out;
}

// Encoded at once, and the same in pieces and with the length that was foretold.
std::string encoded_as(PartCoding coding, const std::string& text) {
  const auto whole = encode_part(coding, text);
  REQUIRE(whole);
  for (const std::size_t size : {1U, 2U, 3U, 5U, 56U, 57U, 58U, 76U, 1000U}) {
    CAPTURE(size);
    CHECK(in_pieces(coding, text, size) == *whole);
  }
  const auto length = encoded_length(coding, text.size());
  if (length) CHECK(*length == whole->size());
  return *whole;
}

std::string quoted(const std::string& text) { return encoded_as(PartCoding::quoted_printable, text); }
std::string base64_lines(const std::string& text) { return encoded_as(PartCoding::base64, text); }
std::string repeated(std::size_t count, char c) { return std::string(count, c); }

}  // namespace

TEST_CASE("part encoder: names") {
  CHECK(part_coding("") == PartCoding::none);
  CHECK(part_coding("8BIT") == PartCoding::none);
  CHECK(part_coding("Binary") == PartCoding::none);
  CHECK(part_coding("7bit") == PartCoding::seven_bit);
  CHECK(part_coding("BASE64") == PartCoding::base64);
  CHECK(part_coding("quoted-Printable") == PartCoding::quoted_printable);
  CHECK_FALSE(part_coding("base-64"));
}

TEST_CASE("part encoder: base64 has lines of 76 characters, and no line end after the last") {
  CHECK(base64_lines("").empty());
  CHECK(base64_lines("a") == "YQ==");
  CHECK(base64_lines("abc \xc3\xa9") == "YWJjIMOp");
  const std::string line(76, 'A');
  CHECK(base64_lines(repeated(57, '\0')) == line);
  CHECK(base64_lines(repeated(58, '\0')) == line + "\r\nAA==");
  CHECK(base64_lines(repeated(114, '\0')) == line + "\r\n" + line);
  CHECK(base64_lines(repeated(115, '\0')) == line + "\r\n" + line + "\r\nAA==");
}

TEST_CASE("part encoder: quoted-printable keeps line ends and protects blanks before them") {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},
      {"hello = world \r\nline two \t\r\nbare\nlf\rcr end ",
       "hello =3D world=20\r\nline two =09\r\nbare=0Alf=0Dcr end=20"},
      {" a\tb", " a\tb"},
      {"~!\x7f", "~!=7F"},
      {std::string("\0\xff", 2), "=00=FF"},
      {"\r", "=0D"},
      {"\n", "=0A"},
      {"\r\n", "\r\n"},
      {"\r\r\n", "=0D\r\n"},
      {" \r", " =0D"},
      {" \r\n\r\n ", "=20\r\n\r\n=20"},
  };
  for (const auto& [text, coded] : rows) {
    CAPTURE(text);
    CHECK(quoted(text) == coded);
  }
}

TEST_CASE("part encoder: quoted-printable has lines of at most 76 characters") {
  const std::pair<std::string, std::string> rows[] = {
      {repeated(76, 'x'), repeated(76, 'x')},
      {repeated(76, 'x') + "\r\n", repeated(76, 'x') + "\r\n"},
      {repeated(77, 'x'), repeated(75, 'x') + "=\r\nxx"},
      {repeated(76, 'x') + "\r", repeated(75, 'x') + "=\r\nx=0D"},
      {repeated(75, 'x') + " \r\n", repeated(75, 'x') + "=\r\n=20\r\n"},
      {repeated(74, 'x') + " y", repeated(74, 'x') + " y"},
      {repeated(73, 'x') + "\xff\r\n", repeated(73, 'x') + "=FF\r\n"},
      {repeated(73, 'x') + "\xff!", repeated(73, 'x') + "=\r\n=FF!"},
      {repeated(74, 'x') + "=", repeated(74, 'x') + "=\r\n=3D"},
  };
  for (const auto& [text, coded] : rows) {
    CAPTURE(coded);
    CHECK(quoted(text) == coded);
  }
}

TEST_CASE("part encoder: 7bit changes nothing, and names the byte that it cannot have") {
  CHECK(encoded_as(PartCoding::seven_bit, std::string("a\r\n\0\x7f", 5)) == std::string("a\r\n\0\x7f", 5));
  CHECK(encoded_as(PartCoding::none, "\xff") == "\xff");
  CHECK(encode_part(PartCoding::seven_bit, "abc\x80").error() == 3);
  PartEncoder encoder(PartCoding::seven_bit);
  std::string out;
  CHECK(encoder.encode(as_bytes("abc"), false, out));
  CHECK(encoder.encode(as_bytes("d\xff"), true, out).error() == 4);
}

TEST_CASE("part encoder: lengths that are known before") {
  CHECK(encoded_length(PartCoding::none, 7) == 7);
  CHECK(encoded_length(PartCoding::seven_bit, 7) == 7);
  CHECK(encoded_length(PartCoding::quoted_printable, 0) == 0);
  CHECK(encoded_length(PartCoding::quoted_printable, 1) == std::nullopt);
  CHECK(encoded_length(PartCoding::base64, std::uint64_t{1} << 62U) == std::nullopt);
  CHECK(encoded_length(PartCoding::base64, (std::uint64_t{1} << 62U) - 1) > std::uint64_t{1} << 62U);
}

TEST_CASE("part encoder: a file goes through in pieces, and again after a rewind") {
  const test::TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += static_cast<char>(i * i % 251);
  test::write_file(path, text);
  EncodedSource source(UploadSource::open(path).value(), PartCoding::base64, path);
  const std::string coded = base64_lines(text);
  CHECK(source.length() == coded.size());
  CHECK(source.rewindable());
  for (int round = 0; round < 2; ++round) {
    std::string out;
    for (bool end = false; !end;) {
      std::array<std::uint8_t, 1'001> space = {};
      const auto piece = source.read(space);
      REQUIRE(piece);
      CHECK((piece->bytes > 0 || piece->end));
      out += as_text(Bytes(space).first(piece->bytes));
      end = piece->end;
    }
    CHECK(out == coded);
    CHECK(source.rewind());
  }
  EncodedSource high(UploadSource::open(path).value(), PartCoding::seven_bit, path);
  std::array<std::uint8_t, 1'001> space = {};
  const auto refused = high.read(space);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "read " + path + ": byte 12 is not a character of 7bit (;encoder=7bit)");
}

}  // namespace sluice::cli
