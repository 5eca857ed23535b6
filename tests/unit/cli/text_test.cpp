// Formatting of text for users.
#include "adapters/cli/text.hpp"

#include <doctest/doctest.h>

#include <string>

namespace sluice::cli {

TEST_CASE("one_line leaves no control character, U+0080 to U+009F included") {
  CHECK(one_line("a\tb\x7f\x1b[2J") == "a?b??[2J");
  for (char c = '\x80'; c <= '\x9f'; ++c) CHECK(one_line(std::string("a\xc2") + c + "b") == "a?b");
  CHECK(one_line("\xc2\xa0\xc3\x9c\xc2") == "\xc2\xa0\xc3\x9c\xc2");
}

TEST_CASE("text: trimmed of white space, within which nothing is changed") {
  CHECK(trimmed(" \t\r\n\v\fa b\n ") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \t ").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("text: printable has no control byte and an end") {
  CHECK(printable("a\tb\x7f\r\n") == "a?b???");
  CHECK(printable(std::string(80, 'x')) == std::string(80, 'x'));
  CHECK(printable(std::string(81, 'x')) == std::string(80, 'x') + "...");
}

}  // namespace sluice::cli
