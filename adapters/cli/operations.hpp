// A finished group of options into operations, one for each of its URLs: method, URL, fields, body and output, final.
// Pure: files were read before. Leaves to others: carrying them out.
#pragma once

#include <cstddef>
#include <expected>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/option_group.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// Error (exit code 2): options that contradict each other or fields that cannot be sent. A URL that is wrong is no
// error here: its operation is `refused` and the others stand. `first_number` is the url_number of the first.
std::expected<std::vector<Operation>, UsageError> make_operations(OptionGroup group, std::size_t first_number);

}  // namespace sluice::cli
