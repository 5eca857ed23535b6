// core/validators: entity tags and If-Range, RFC 9110 8.8 and 13.1.5, row by row.
#include "core/validators.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace sluice;

namespace {

// "none" where there is none.
std::string if_range(const std::vector<std::pair<std::string, std::string>>& response) {
  Fields fields;
  for (const auto& [name, value] : response) REQUIRE(fields.add(name, value));
  return std::string(if_range_value(fields, 1'767'225'600).value_or("none"));
}

}  // namespace

TEST_CASE("entity tag: values that are one") {
  const struct {
    const char *value, *opaque;
    bool weak;
  } rows[] = {
      {"\"xyzzy\"", "xyzzy", false},  // RFC 9110 8.8.3
      {"W/\"xyzzy\"", "xyzzy", true}, {"\"\"", "", false},
      {"W/\"\"", "", true},           {"\"W/\"", "W/", false},
      {"\"a\\b\"", "a\\b", false},  // a backslash escapes nothing
      {"\"!#~\"", "!#~", false},      {"\"\x80\xff\"", "\x80\xff", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    const auto tag = parse_entity_tag(row.value);
    REQUIRE(tag);
    CHECK(tag->opaque == row.opaque);
    CHECK(tag->weak == row.weak);
  }
}

TEST_CASE("entity tag: values that are none") {
  for (const char* value : {"", "\"", "W/", "W/\"", "xyzzy", "\"xyzzy", "xyzzy\"", "w/\"x\"", "W\"x\"", "W/ \"x\"",
                            "\"x\"y\"", "\"x\", \"y\"", "\"x y\"", "\"x\ty\"", "\"x\x7f\"", "*", " \"x\"", "\"x\" "}) {
    CAPTURE(value);
    CHECK_FALSE(parse_entity_tag(value));
  }
}

TEST_CASE("entity tag: the strong comparison (RFC 9110 8.8.3.2)") {
  const struct {
    EntityTag a, b;
    bool equal;
  } rows[] = {
      {{"1", true}, {"1", true}, false},  {{"1", true}, {"2", true}, false},   {{"1", true}, {"1", false}, false},
      {{"1", false}, {"1", false}, true}, {{"1", false}, {"2", false}, false}, {{"a", false}, {"A", false}, false},
      {{"", false}, {"", false}, true},
  };
  for (const auto& row : rows) {
    CHECK(are_strongly_equal(row.a, row.b) == row.equal);
    CHECK(are_strongly_equal(row.b, row.a) == row.equal);
  }
}

TEST_CASE("if-range: which value may be used (RFC 9110 13.1.5)") {
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT", second_before = "Sun, 06 Nov 1994 08:49:36 GMT";
  const std::pair<std::string, std::string> sent{"Date", date}, modified{"Last-Modified", second_before};
  CHECK(if_range({}) == "none");
  CHECK(if_range({{"ETag", "\"x\""}}) == "\"x\"");
  CHECK(if_range({{"etag", "\"x\""}, sent, modified}) == "\"x\"");
  CHECK(if_range({{"ETag", "W/\"x\""}}) == "none");
  CHECK(if_range({{"ETag", "W/\"x\""}, sent, modified}) == "none");
  CHECK(if_range({{"ETag", "x"}}) == "none");
  CHECK(if_range({{"ETag", "x"}, sent, modified}) == second_before);
  CHECK(if_range({{"ETag", "\"x\""}, {"ETag", "\"y\""}, sent, modified}) == "none");

  CHECK(if_range({sent, modified}) == second_before);
  CHECK(if_range({modified}) == "none");
  CHECK(if_range({sent}) == "none");
  CHECK(if_range({sent, modified, modified}) == "none");
  CHECK(if_range({sent, {"Last-Modified", date}}) == "none");
  CHECK(if_range({sent, {"Last-Modified", "Sun, 06 Nov 1994 08:49:38 GMT"}}) == "none");
  CHECK(if_range({sent, {"Last-Modified", "Sunday, 06-Nov-94 08:49:36 GMT"}}) == "Sunday, 06-Nov-94 08:49:36 GMT");
  CHECK(if_range({sent, {"Last-Modified", "yesterday"}}) == "none");
  CHECK(if_range({{"Date", "today"}, modified}) == "none");
}
