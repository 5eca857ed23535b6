// The syntax of a config file (-K, ~/.sluicerc), which is curl's: an option a line, its value behind white space, '='
// or ':', perhaps in quotes. Knows no options and opens no file.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

struct ConfigLine {
  std::size_t number = 0;  // from 1
  std::string option;      // always with its dashes: "--output", "-o"
  std::optional<std::string> value;
};

// `name` is the file's, for messages. Error (exit code 2): a quote that is not closed, or text behind a value.
std::expected<std::vector<ConfigLine>, UsageError> parse_config(std::string_view text, std::string_view name);

}  // namespace sluice::cli
