// core/base/ascii: each byte's lower case and value as a digit, compared with tables made by hand.
#include "core/base/ascii.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace sluice;

TEST_CASE("ascii: lower case changes 26 letters and no other byte") {
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower = "abcdefghijklmnopqrstuvwxyz";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::size_t at = upper.find(c);
    CAPTURE(byte);
    CHECK(to_lower(c) == (at == std::string::npos ? c : lower[at]));
  }
  CHECK(to_lower("Content-LENGTH \xc3\x84 [Z@") == "content-length \xc3\x84 [z@");
  CHECK(to_lower("").empty());
}

TEST_CASE("ascii: 22 bytes are hexadecimal digits, ten of them decimal ones") {
  const std::string digits = "0123456789abcdef", upper = "0123456789ABCDEF";
  CHECK(kHexDigits == digits);
  CHECK(kUpperHexDigits == upper);
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::size_t at = std::min(digits.find(c), upper.find(c));
    CAPTURE(byte);
    CHECK(hex_value(c) == (at == std::string::npos ? -1 : static_cast<int>(at)));
    CHECK(is_hex_digit(c) == (at != std::string::npos));
    CHECK(is_digit(c) == (at < 10));
  }
}

TEST_CASE("ascii: a byte is written with two digits") {
  std::string text = "x";
  for (const int byte : {0x00, 0x0a, 0x7f, 0x80, 0xff}) append_hex(text, static_cast<char>(byte));
  CHECK(text == "x000a7f80ff");
  append_hex(text, '\xab', kUpperHexDigits);
  CHECK(text == "x000a7f80ffAB");
}

TEST_CASE("ascii: blanks are spaces and tabs, and go from both ends only") {
  CHECK(trim_blanks(" \t a \t b\t ") == "a \t b");
  CHECK(trim_blanks("a") == "a");
  CHECK(trim_blanks(" \t").empty());
  CHECK(trim_blanks("").empty());
  for (const std::string_view other : {"\n", "\r", "\v", "\f", "\xa0"}) CHECK(trim_blanks(other) == other);
}

TEST_CASE("ascii: spaces are encoded, and nothing else") {
  CHECK(encode_spaces("").empty());
  CHECK(encode_spaces("/a b  c%20\t") == "/a%20b%20%20c%20\t");
}

TEST_CASE("ascii: one line leaves no control character, U+0080 to U+009F included") {
  CHECK(one_line("a\tb\x7f\x1b[2J") == "a?b??[2J");
  for (char c = '\x80'; c <= '\x9f'; ++c) CHECK(one_line(std::string("a\xc2") + c + "b") == "a?b");
  CHECK(one_line("\xc2\xa0\xc3\x9c\xc2") == "\xc2\xa0\xc3\x9c\xc2");
}
