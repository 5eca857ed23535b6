// JSON for -w and --har: objects member by member, arrays, and the object of %{header_json}. Pure.
// Leaves to others: which members there are (write_out, har).
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "core/types.hpp"

namespace sluice::cli {

// A string with its quotes (RFC 8259 7). Every byte from 0x7f on is unchanged, also one that is not UTF-8, so the
// result is UTF-8 if `text` is. Curl means the same. (7.88 has a bug there: it writes "u0001" for U+0001, without the
// backslash, and "uffffff80" for the byte 0x80.)
std::string json_string(std::string_view text);

// Seconds with six digits after the point, cut, not rounded: "0.123456". Negative: zero.
std::string seconds_text(Duration time);

// An object with its members in the order of the calls. Names are not compared: give each once.
class JsonObject {
 public:
  // nullopt becomes null.
  void add_text(std::string_view name, std::optional<std::string_view> text) {
    add(name, text ? json_string(*text) : "null");
  }
  void add_number(std::string_view name, std::integral auto number) { add(name, std::to_string(number)); }
  void add_seconds(std::string_view name, Duration time) { add(name, seconds_text(time)); }
  // `json` is added as it is.
  void add_json(std::string_view name, std::string_view json) { add(name, json); }

  // On one line, without a line end.
  std::string text() const { return "{" + members_ + "}"; }

 private:
  void add(std::string_view name, std::string_view value);
  std::string members_;
};

// `elements` are JSON, and stand between the brackets as they are.
std::string json_array(const std::vector<std::string>& elements);

// Of all fields: names in lower case and in the order of their first field, each with an array of its values; one line
// for each name, as in curl. Null: as no fields.
std::string fields_as_json(const Fields* fields);

}  // namespace sluice::cli
