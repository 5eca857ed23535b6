// The names of all curl options, so that the message for an option that sluice lacks differs from that for an unknown
// one. Leaves the options of sluice to option_table.hpp.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sluice::cli {

// The long name (without dashes) of the curl option in `text`: "--name", "--no-name", "--name=value", or "-x" with any
// text after the letter. nullopt: curl has no such option.
std::optional<std::string_view> curl_option(std::string_view text);

std::span<const std::string_view> curl_long_names();  // sorted

}  // namespace sluice::cli
