// See cookie_date.hpp.
#include "core/rules/cookie_date.hpp"

#include <array>
#include <chrono>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::rules {
namespace {

constexpr bool is_delimiter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0x09 || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
         (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
}

// Removes the next token from the front of the text; "" if there are no more.
std::string_view next_token(std::string_view& text) {
  while (!text.empty() && is_delimiter(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && !is_delimiter(text[size])) ++size;
  const std::string_view token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

// Removes the digits from the front of the token. nullopt: there are fewer than `least` of them, or more than `most`,
// which is at most 4.
std::optional<int> take_number(std::string_view& token, std::size_t least, std::size_t most) {
  std::size_t size = 0;
  int value = 0;
  for (; size < token.size() && is_digit(token[size]); ++size) {
    if (size == most) return std::nullopt;
    value = value * 10 + (token[size] - '0');
  }
  if (size < least) return std::nullopt;
  token.remove_prefix(size);
  return value;
}

struct Time {
  int hour = 0, minute = 0, second = 0;
};

std::optional<Time> time_of(std::string_view token) {
  std::array<int, 3> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) {
      if (!token.starts_with(':')) return std::nullopt;
      token.remove_prefix(1);
    }
    const std::optional<int> part = take_number(token, 1, 2);
    if (!part) return std::nullopt;
    parts[i] = *part;
  }
  return Time{parts[0], parts[1], parts[2]};
}

// 1 to 12.
std::optional<int> month_of(std::string_view token) {
  constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                        "jul", "aug", "sep", "oct", "nov", "dec"};
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (equals_ignoring_case(token.substr(0, 3), kMonths[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

struct Found {
  std::optional<Time> time;
  std::optional<int> day, month, year;
};

// A token is the first of these that it can be and that was not found before.
void take_token(Found& found, std::string_view token) {
  if (!found.time && (found.time = time_of(token))) return;
  std::string_view digits = token;
  if (!found.day && (found.day = take_number(digits, 1, 2))) return;
  if (!found.month && (found.month = month_of(token))) return;
  if (!found.year) found.year = take_number(digits, 2, 4);
}

}  // namespace

std::optional<UnixSeconds> parse_cookie_date(std::string_view text) {
  Found found;
  for (std::string_view token = next_token(text); !token.empty(); token = next_token(text)) take_token(found, token);
  if (!found.time || !found.day || !found.month || !found.year) return std::nullopt;
  int year = *found.year;
  if (year >= 70 && year <= 99) year += 1900;
  if (year <= 69) year += 2000;
  const Time& time = *found.time;
  if (year < 1601 || time.hour > 23 || time.minute > 59 || time.second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(*found.month)),
                                         std::chrono::day(static_cast<unsigned>(*found.day))};
  if (!date.ok()) return std::nullopt;
  const UnixSeconds days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86'400 + time.hour * 3'600 + time.minute * 60 + time.second;
}

}  // namespace sluice::rules
