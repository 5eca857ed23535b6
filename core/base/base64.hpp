// Base64 with the alphabet of RFC 4648 4, with padding. Leaves to others what the bytes are, for example user and
// password (request.cpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Throws std::bad_alloc.
std::string base64(std::string_view bytes);
// The bytes of such a text, which may lack its padding. nullopt: it is none: another character, a length that no text
// has, or bits after the last byte that are not 0 (RFC 4648 3.5). Throws std::bad_alloc.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace sluice
