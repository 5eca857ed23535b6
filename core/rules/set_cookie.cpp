// See set_cookie.hpp.
#include "core/rules/set_cookie.hpp"

#include <algorithm>
#include <limits>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/fields.hpp"
#include "core/rules/cookie_date.hpp"

namespace sluice::rules {
namespace {

// Removes the text up to the next ';' from the front, and the ';'.
std::string_view next_part(std::string_view& text) {
  const std::size_t end = std::min(text.find(';'), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// 5.6.2. nullopt: the attribute is ignored.
std::optional<std::int64_t> parse_max_age(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::optional<std::int64_t> number = clamped_decimal(text.substr(negative ? 1 : 0));
  if (number && negative) return -*number;
  return number;
}

// 5.6.7. A value that is not known takes back an earlier one.
SameSite parse_same_site(std::string_view text) {
  if (equals_ignoring_case(text, "none")) return SameSite::none;
  if (equals_ignoring_case(text, "lax")) return SameSite::lax;
  if (equals_ignoring_case(text, "strict")) return SameSite::strict;
  return SameSite::unspecified;
}

void take_attribute(SetCookie& cookie, std::string_view part) {
  const std::size_t equals = std::min(part.find('='), part.size());
  const std::string_view name = trim_blanks(part.substr(0, equals));
  std::string_view value = trim_blanks(part.substr(std::min(equals + 1, part.size())));
  if (value.size() > limits::kMaxCookieAttributeBytes) return;
  if (equals_ignoring_case(name, "expires")) {
    if (const auto date = parse_cookie_date(value)) cookie.expires = date;
  } else if (equals_ignoring_case(name, "max-age")) {
    if (const auto age = parse_max_age(value)) cookie.max_age = age;
  } else if (equals_ignoring_case(name, "domain")) {
    if (value.starts_with('.')) value.remove_prefix(1);
    cookie.domain = value;
  } else if (equals_ignoring_case(name, "path")) {
    cookie.path = value.starts_with('/') ? value : std::string_view();
    cookie.has_path = true;
  } else if (equals_ignoring_case(name, "secure")) {
    cookie.secure = true;
  } else if (equals_ignoring_case(name, "httponly")) {
    cookie.http_only = true;
  } else if (equals_ignoring_case(name, "samesite")) {
    cookie.same_site = parse_same_site(value);
  }
}

}  // namespace

std::optional<SetCookie> parse_set_cookie(std::string_view text) {
  if (holds_control_byte(text)) return std::nullopt;
  SetCookie cookie;
  const std::string_view pair = next_part(text);
  const std::size_t equals = pair.find('=');
  // Without a '=' the whole is the value of a cookie without a name.
  if (equals != std::string_view::npos) cookie.name = trim_blanks(pair.substr(0, equals));
  cookie.value = trim_blanks(pair.substr(equals + 1));  // npos + 1 is 0
  while (!text.empty()) take_attribute(cookie, next_part(text));
  return cookie;
}

bool holds_control_byte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

std::optional<std::int64_t> clamped_decimal(std::string_view text) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : text) {
    const std::int64_t digit = c - '0';
    if (number > (kMost - digit) / 10) return kMost;
    number = number * 10 + digit;
  }
  return number;
}

}  // namespace sluice::rules
