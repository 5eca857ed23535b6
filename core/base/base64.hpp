// Base64 with the alphabet of RFC 4648 4, padded. Encodes only: nothing in the core reads it.
// Leaves to others what the bytes are: a pair of user and password (request.cpp).
#pragma once

#include <string>
#include <string_view>

namespace sluice {

std::string base64(std::string_view bytes);

}  // namespace sluice
