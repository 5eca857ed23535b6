// JSON of -w, compared with what curl wrote.
#include "adapters/cli/write_out_json.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>

namespace sluice::cli {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

}  // namespace

TEST_CASE("write out JSON: strings") {
  const std::pair<std::string, std::string> rows[] = {
      {"", R"("")"},
      {"a/b </script>", R"("a/b </script>")"},
      {"\"\\", R"("\"\\")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"\0\x01\x0b\x1f"s, R"("\u0000\u0001\u000b\u001f")"},
      {"\x7f", "\"\x7f\""},
      {"\xc3\xa9\xe2\x82\xac", "\"\xc3\xa9\xe2\x82\xac\""},
      {"a\x80\xff\xc3", "\"a\x80\xff\xc3\""},  // no UTF-8: unchanged
  };
  for (const auto& [text, json] : rows) CHECK(json_string(text) == json);
}

TEST_CASE("write out JSON: every byte below a space is escaped, and no other but quote and backslash") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
    CHECK((json_string(std::string(1, static_cast<char>(byte))).size() == 3) == plain);
  }
}

TEST_CASE("write out JSON: seconds have six digits after the point") {
  const std::pair<Duration, std::string_view> rows[] = {{0ns, "0.000000"},
                                                        {999ns, "0.000000"},
                                                        {1us, "0.000001"},
                                                        {123456us, "0.123456"},
                                                        {1234567999ns, "1.234567"},
                                                        {1s, "1.000000"},
                                                        {100s + 20us, "100.000020"},
                                                        {-1s, "0.000000"},
                                                        {Duration::max(), "9223372036.854775"},
                                                        {Duration::min(), "0.000000"}};
  for (const auto& [time, text] : rows) CHECK(seconds_text(time) == text);
}

TEST_CASE("write out JSON: an object with its members in order") {
  JsonObject object;
  CHECK(object.text() == "{}");
  object.add_text("b\"", "x\ny");
  object.add_text("a", std::optional<std::string>());
  object.add_text("c", std::optional<std::string>(""));
  object.add_number("n", std::numeric_limits<std::uint64_t>::max());
  object.add_number("m", -1);
  object.add_number("port", std::uint16_t{443});
  object.add_seconds("time_total", 123456789ns);
  CHECK(object.text() ==
        R"({"b\"":"x\ny","a":null,"c":"","n":18446744073709551615,"m":-1,"port":443,"time_total":0.123456})");
}

TEST_CASE("write out JSON: arrays and objects inside of others") {
  CHECK(json_array({}) == "[]");
  CHECK(json_array({"1"}) == "[1]");
  JsonObject object;
  object.add_json("a\"", json_array({"1", "{}", "\"x\""}));
  object.add_json("b", "true");
  CHECK(object.text() == R"({"a\"":[1,{},"x"],"b":true})");
}

TEST_CASE("write out JSON: fields are grouped at their first place") {
  Fields fields;
  CHECK(fields_as_json(nullptr) == "{\n}");
  CHECK(fields_as_json(&fields) == "{\n}");
  for (const auto& [name, value] :
       {std::pair{"X-A", "q\"\\"}, {"Content-Type", "t/p"}, {"x-a", "two"}, {"X-B", ""}, {"X-a", "q\"\\"}}) {
    REQUIRE(fields.add(name, value));
  }
  CHECK(fields_as_json(&fields) ==
        "{\"x-a\":[\"q\\\"\\\\\",\"two\",\"q\\\"\\\\\"],\n\"content-type\":[\"t/p\"],\n\"x-b\":[\"\"]\n}");
}

}  // namespace sluice::cli
