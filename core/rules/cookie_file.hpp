// The lines of a cookie file, in the format of Netscape. Pure text: reads and writes no file. Leaves to others: whether
// a cookie is taken (cookie_jar.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/cookies.hpp"

namespace sluice::rules {

// How a cookie file begins; some programs read no file that begins otherwise.
inline constexpr std::string_view kCookieFileHead = "# Netscape HTTP Cookie File\n";

// Removes the first line from the text, which is not empty, and returns it without its LF or CRLF.
std::string_view take_line(std::string_view& text);
// Whether the line is a comment, or has only blanks.
bool is_comment(std::string_view line);
// What follows "Set-Cookie:"; nullopt: the line begins with anything else.
std::optional<std::string_view> set_cookie_of(std::string_view line);
// The cookie of a line with seven fields between tabs, or six without a value; nullopt: it is not such a line. The
// domain is as in the line. No rule about cookies was applied. Throws std::bad_alloc.
std::optional<Cookie> parse_cookie_line(std::string_view line);
// Appends the cookie's line. False: the format cannot hold the cookie, and nothing was appended. Throws std::bad_alloc.
bool append_cookie_line(std::string& out, const Cookie& cookie);

}  // namespace sluice::rules
