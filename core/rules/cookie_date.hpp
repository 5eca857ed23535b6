// The date of an attribute Expires (RFC 6265bis 5.1.1): accepts nearly any order and punctuation, as servers send them.
// Leaves to others: limits on how far ahead a date may be (cookie_store.hpp).
#pragma once

#include <optional>
#include <string_view>

#include "core/types.hpp"

namespace sluice::rules {

// nullopt: the text has no complete date, or no such date exists. Never a leap second; years are 1601 to 9999.
std::optional<UnixSeconds> parse_cookie_date(std::string_view text);

}  // namespace sluice::rules
