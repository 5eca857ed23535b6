// Formatting of text for users.
#include "adapters/cli/text.hpp"

#include <doctest/doctest.h>

#include <string>

namespace sluice::cli {

TEST_CASE("text: trimmed of white space, within which nothing is changed") {
  CHECK(trimmed(" \t\r\n\v\fa b\n ") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \t ").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("text: UTF-8 is unchanged, and every other byte is read as ISO 8859-1") {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {"a\x01\x7f", "a\x01\x7f"},
      {"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
       "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"},
      {"caf\xe9", "caf\xc3\xa9"},
      {"\x80\xff", "\xc2\x80\xc3\xbf"},
      {"\xc3", "\xc3\x83"},  // cut short
      {"\xe2\x82", "\xc3\xa2\xc2\x82"},
      {"\xc3"
       "a",
       "\xc3\x83"
       "a"},
      {"\xc0\x80", "\xc3\x80\xc2\x80"},  // longer than needed
      {"\xc1\xbf", "\xc3\x81\xc2\xbf"},
      {"\xe0\x9f\xbf", "\xc3\xa0\xc2\x9f\xc2\xbf"},
      {"\xf0\x8f\xbf\xbf", "\xc3\xb0\xc2\x8f\xc2\xbf\xc2\xbf"},
      {"\xed\xa0\x80", "\xc3\xad\xc2\xa0\xc2\x80"},              // half of a pair of UTF-16
      {"\xf4\x90\x80\x80", "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80"},  // above U+10FFFF
      {"\xf5\x80\x80\x80", "\xc3\xb5\xc2\x80\xc2\x80\xc2\x80"},
  };
  for (const auto& [text, utf8] : rows) CHECK(utf8_text(text) == utf8);
}

TEST_CASE("text: printable has no control byte and an end") {
  CHECK(printable("a\tb\x7f\r\n") == "a?b???");
  CHECK(printable(std::string(80, 'x')) == std::string(80, 'x'));
  CHECK(printable(std::string(81, 'x')) == std::string(80, 'x') + "...");
}

}  // namespace sluice::cli
