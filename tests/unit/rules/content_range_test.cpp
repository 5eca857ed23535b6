// core/rules/content_range: Content-Range, RFC 9110 14.4, row by row.
#include "core/rules/content_range.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using rules::ContentRange;
using rules::parse_content_range;

TEST_CASE("content-range: values that are understood") {
  constexpr std::uint64_t kMost = 9'223'372'036'854'775'807U;
  const struct {
    const char* value;
    ContentRange range;
  } rows[] = {
      {"bytes 42-1233/1234", {{{42, 1'233}}, 1'234}},  // RFC 9110 14.4
      {"bytes 42-1233/*", {{{42, 1'233}}, {}}},
      {"bytes */1234", {{}, 1'234}},
      {"bytes 0-0/1", {{{0, 0}}, 1}},
      {"bytes 0-99/1000", {{{0, 99}}, 1'000}},
      {"bytes 999-999/1000", {{{999, 999}}, 1'000}},
      {"bytes */0", {{}, 0}},
      {"Bytes\t 007-0099/0100", {{{7, 99}}, 100}},
      {"bytes 0-9223372036854775807/*", {{{0, kMost}}, {}}},
      {"bytes 0-9223372036854775806/9223372036854775807", {{{0, kMost - 1}}, kMost}},
      {"bytes 9223372036854775807-9223372036854775807/*", {{{kMost, kMost}}, {}}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    CHECK(parse_content_range(row.value) == row.range);
  }
  CHECK(ContentRange::Part{0, 0}.size() == 1);
  CHECK(ContentRange::Part{0, kMost}.size() == kMost + 1);
}

TEST_CASE("content-range: values that are not") {
  for (const char* value : {
           "",
           "bytes",
           "bytes ",
           "bytes0-99/1000",
           "bytes=0-99/1000",
           "octets 0-99/1000",
           "byte 0-99/1000",
           " bytes 0-99/1000",
           "0-99/1000",
           "bytes 0-99",
           "bytes 0-99/",
           "bytes /1000",
           "bytes -99/1000",
           "bytes 0-/1000",
           "bytes -/1000",
           "bytes 99/1000",
           "bytes */*",
           "bytes */",
           "bytes **/1000",
           "bytes 0-99/**",
           "bytes 0-99/1000/1",
           "bytes 0-99-100/1000",
           "bytes 0 - 99/1000",
           "bytes 0-99 /1000",
           "bytes 0-99/ 1000",
           "bytes +0-99/1000",
           "bytes 0--99/1000",
           "bytes 0x0-99/1000",
           "bytes 0-99/1000, bytes 100-199/1000",
           "bytes 100-99/1000",
           "bytes 0-1000/1000",
           "bytes 1000-1000/1000",
           "bytes 0-0/0",
           "bytes 0-9223372036854775808/*",
           "bytes 0-18446744073709551615/*",
           "bytes 0-18446744073709551616/*",
           "bytes 18446744073709551616-18446744073709551617/*",
           "bytes 0-99/9223372036854775808",
           "bytes 0-99/99999999999999999999999999",
           "bytes */18446744073709551616",
       }) {
    CAPTURE(value);
    CHECK_FALSE(parse_content_range(value));
  }
  const std::string whole = "bytes 0-99/";
  for (std::size_t size = 0; size <= whole.size(); ++size) CHECK_FALSE(parse_content_range(whole.substr(0, size)));
  CHECK_FALSE(parse_content_range("bytes " + std::string(1'000'000, '9')));
  using namespace std::string_view_literals;
  CHECK_FALSE(parse_content_range("bytes 0-99/1000\0"sv));
  CHECK_FALSE(parse_content_range("bytes 0\0-99/1000"sv));
}
