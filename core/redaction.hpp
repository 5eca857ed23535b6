// Hides credentials in what people read and keep: fields that hold them, and userinfo in URLs (SB-31). Pure functions.
// Leaves to others: how the result is shown.
#pragma once

#include <string>
#include <string_view>

#include "language.hpp"

namespace sluice {

inline constexpr std::string_view kRedacted = "<redacted>";

// Whether a field holds credentials: Authorization, Proxy-Authorization, Cookie, Set-Cookie. Blanks around the name are
// ignored.
bool is_credential(std::string_view name);
// The value of a field that holds credentials, with these replaced: "Basic <redacted>", "<redacted>", "id=<redacted>".
// Of a Set-Cookie only the cookie's name is left. The value of any other field is unchanged.
std::string redacted_value(std::string_view name, std::string_view value);
// The head of a message, as sent or received, without its credentials: those of fields as above, and userinfo of URLs
// in other fields. Line ends and the first line are unchanged.
std::string redacted_head(std::string_view head);
// Text that may hold URLs, such as a Location or a Link, without the userinfo of these.
std::string without_userinfo(std::string_view text);

}  // namespace sluice
