// The names of all options that curl has, so that one that sluice lacks is told from one that nobody has. Knows names
// only; which of them sluice takes is option_table.hpp's.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sluice::cli {

// The long name (without dashes) of the option that `text` is to curl: "--name", "--no-name", "--name=value", or "-x"
// and whatever follows the letter. nullopt: curl has no such option.
std::optional<std::string_view> curl_option(std::string_view text);

std::span<const std::string_view> curl_long_names();  // sorted

}  // namespace sluice::cli
