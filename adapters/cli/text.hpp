// Prepares text for messages: trimmed, without control bytes, on one line, in UTF-8. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text);  // without white space around it
std::optional<std::string> unless_empty(std::string_view text);
// Text of the user for messages: control bytes become '?', and it is cut after about 80 bytes.
std::string printable(std::string_view text);
// The text as UTF-8: each byte that belongs to no character of it is read as ISO 8859-1.
std::string utf8_text(std::string_view text);

}  // namespace sluice::cli
