// Names with characters beyond ASCII, in the form that is looked up and sent (IDNA 2008, RFC 5891; mapped by UTS #46,
// non-transitional). Of this room only idn.cpp uses libidn2; without it no such name is accepted.
// Leaves to others: whether the result can be a host (host.hpp).
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace sluice::url {

bool has_idn();  // this build can convert such names

// "straße.de" becomes "xn--strae-oqa.de". `name` is UTF-8, and its ASCII characters are those of host names. Error:
// what is wrong, as the end of a sentence that begins with the host; static text. Throws std::bad_alloc.
std::expected<std::string, std::string_view> to_ascii(const std::string& name);

}  // namespace sluice::url
