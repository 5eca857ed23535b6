// See file_date.hpp.
#include "core/rules/file_date.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/http_date.hpp"

namespace sluice::rules {

std::optional<UnixSeconds> parse_file_date(std::string_view text) {
  constexpr std::string_view kForm = "dddddddd dd:dd:dd";
  const auto fits = [](char c, char form) { return form == 'd' ? is_digit(c) : c == form; };
  if (!std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), fits)) return std::nullopt;
  const auto number = [text](std::size_t at, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(at, digits)) value = value * 10 + (c - '0');
    return value;
  };
  return unix_seconds({number(0, 4), number(4, 2), number(6, 2), number(9, 2), number(12, 2), number(15, 2)});
}

void append_file_date(std::string& out, UnixSeconds time) {
  const CalendarTime parts = calendar_time(time);
  append_padded(out, parts.year, 4);
  append_padded(out, parts.month, 2);
  append_padded(out, parts.day, 2);
  out += ' ';
  append_clock(out, parts);
}

}  // namespace sluice::rules
