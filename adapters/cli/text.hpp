// Text for people: without white space around it, without control bytes, on one line. Pure; knows no encoding but
// what UTF-8 makes of control characters.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text);  // without white space around it
// What a user wrote, for messages: control bytes as '?', and an end after some 80 bytes.
std::string printable(std::string_view text);
// One line for a terminal: every control byte shown as "?", and each of U+0080 to U+009F, which are controls in UTF-8.
std::string one_line(std::string_view text);

}  // namespace sluice::cli
