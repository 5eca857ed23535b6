// core/base/utf8: characters of each length, and what RFC 3629 4 excludes.
#include "core/base/utf8.hpp"

#include <doctest/doctest.h>

#include <string_view>

using namespace sluice;

TEST_CASE("utf8: the smallest and the greatest character of each length") {
  const struct {
    std::string_view text;
    char32_t character;
  } rows[] = {
      {{"\0", 1}, 0},
      {"\x7f", 0x7f},
      {"\xc2\x80", 0x80},
      {"\xdf\xbf", 0x7ff},
      {"\xe0\xa0\x80", 0x800},
      {"\xed\x9f\xbf", 0xd7ff},
      {"\xee\x80\x80", 0xe000},
      {"\xef\xbf\xbf", 0xffff},
      {"\xf0\x90\x80\x80", 0x1'0000},
      {"\xf4\x8f\xbf\xbf", 0x10'ffff},
  };
  for (const auto& row : rows) {
    std::string_view text = row.text;
    CHECK(take_utf8(text) == row.character);
    CHECK(text.empty());
  }
  std::string_view two = "\xc3\xa4x";
  CHECK(take_utf8(two) == 0xe4);
  CHECK(two == "x");
}

TEST_CASE("utf8: what is not valid is left as it is") {
  for (const std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3x", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "\xff"}) {
    std::string_view text = bad;
    CHECK_FALSE(take_utf8(text));
    CHECK(text == bad);
  }
}
