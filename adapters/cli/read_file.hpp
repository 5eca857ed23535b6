// How the parsers of options get the files that an option names. Leaves reading them to main.cpp.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// Gives the bytes of a file; "-" is the standard input.
using ReadFile = std::function<std::expected<std::string, UsageError>(const std::string& path)>;

}  // namespace sluice::cli
