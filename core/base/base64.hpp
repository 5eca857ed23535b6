// Base64 with the alphabet of RFC 4648 4, with padding. Encodes only, because nothing in the core decodes it. Leaves to
// others what the bytes are, for example user and password (request.cpp).
#pragma once

#include <string>
#include <string_view>

namespace sluice {

std::string base64(std::string_view bytes);

}  // namespace sluice
