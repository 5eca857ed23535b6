// Parses the syntax of a config file (-K, ~/.sluicerc), which is curl's: one option in each line, its value after white
// space, '=' or ':', perhaps in quotes. Opens no file. Leaves the meaning of options to others.
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
  std::string option;      // always with dashes: "--output", "-o"
  std::optional<std::string> value;
};

// `name` is the file's name, for messages. Error (exit code 2): a quote that is not closed, or text after a value.
std::expected<std::vector<ConfigLine>, UsageError> parse_config(std::string_view text, std::string_view name);

}  // namespace sluice::cli
