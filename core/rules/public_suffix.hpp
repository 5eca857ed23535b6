// Whether a domain is a public suffix, below which anybody can register a name: "com", "co.uk". The only file that uses
// libpsl. Leaves to others: what follows for a cookie.
#pragma once

#include <string>
#include <string_view>

namespace sluice::rules {

// Whether sluice was built with a list of public suffixes (libpsl's own data; no file is read).
bool has_public_suffix_list();
// Whether the domain is a public suffix: by that list, private registries included; without it, by
// is_top_level(). A name whose last label is not in the list has that label as its public suffix. The domain is a name
// in lower case without a dot at either end, international labels in their xn-- form; never an address.
bool is_public_suffix(const std::string& domain);
// Whether the domain is a single label.
bool is_top_level(std::string_view domain);

}  // namespace sluice::rules
