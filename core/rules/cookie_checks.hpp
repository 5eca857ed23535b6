// Which cookies are refused for what they are, wherever they come from (RFC 6265bis 5.6, 5.7). Pure functions. Leaves
// to others: which host may set them (cookie_jar.cpp).
#pragma once

#include <string_view>

#include "core/cookies.hpp"

namespace sluice::rules {

// Why the cookie is refused, as the end of a sentence that begins with "a cookie": "has neither name nor value". Static
// text; "": it is not refused.
std::string_view refusal_of(const Cookie& cookie);
// Whether the name begins with "__Host-", in any case (4.1.3.2). A cookie of that name must have been given a Path.
bool has_host_prefix(const Cookie& cookie);

}  // namespace sluice::rules
