// Makes the operations of a finished option group, one for each URL, with final method, URL, fields, body and output.
// Pure: files were read before. Leaves running them to others.
#pragma once

#include <cstddef>
#include <expected>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/option_group.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// Error (exit code 2): contradictory options, or fields that cannot be sent. An invalid URL is not an error here: its
// operation is `refused`, and the others are made. `first_number` is the url_number of the first one.
std::expected<std::vector<Operation>, UsageError> make_operations(OptionGroup group, std::size_t first_number);

}  // namespace sluice::cli
