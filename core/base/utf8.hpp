// Reads UTF-8 (RFC 3629), character by character. Leaves to others what is made of the characters: file names
// (content_disposition.cpp), UTF-16 (rules/ntlm.cpp).
#pragma once

#include <optional>
#include <string_view>

namespace sluice {

// Removes the first character from the front of the text, which is not empty. nullopt: it is not valid UTF-8 (RFC 3629
// 4), and the text is unchanged.
std::optional<char32_t> take_utf8(std::string_view& text);

}  // namespace sluice
