// The syntax of a Set-Cookie field (RFC 6265bis 5.6). Leaves to others: what the attributes mean for a host and a time
// (cookie_jar.hpp), and which cookies are refused (cookie_checks.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/cookies.hpp"
#include "core/types.hpp"

namespace sluice::rules {

// Views into the field's value. Of several attributes of one name the last valid one counts.
struct SetCookie {
  std::string_view name = {};
  std::string_view value = {};
  std::optional<UnixSeconds> expires = {};
  std::optional<std::int64_t> max_age = {};  // seconds from now
  std::string_view domain = {};              // without a leading dot; not in lower case
  std::string_view path = {};                // begins with '/'; "": the default path
  bool has_path = false;                     // there is an attribute Path, even if it is of no use
  bool secure = false;
  bool http_only = false;
  SameSite same_site = SameSite::unspecified;
};

// nullopt: the text holds a control byte other than HTAB (SB-72). An attribute of more than
// limits::kMaxCookieAttributeBytes is ignored.
std::optional<SetCookie> parse_set_cookie(std::string_view text);

// Whether the text holds a byte below 0x20 other than HTAB, or 0x7f.
bool holds_control_byte(std::string_view text);
// The number; nullopt: the text is empty or holds anything other than digits. Numbers over 2^63 - 1 become that.
std::optional<std::int64_t> clamped_decimal(std::string_view text);

}  // namespace sluice::rules
