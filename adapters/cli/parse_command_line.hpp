// A command line, and the config files that it names, into what it asks for. Knows curl's order: ~/.sluicerc, then the
// arguments, each config file where it is named. Reads files only through the OptionInputs it is given. Leaves to
// others: spelling (arguments), what an option means (command_builder), and what a group of them makes of its URLs
// (operations).
#pragma once

#include <expected>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/option_inputs.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// argv[0] is skipped. Reads ~/.sluicerc first, unless argv[1] is -q or --disable.
std::expected<CommandLine, UsageError> parse_command_line(int argc, const char* const* argv,
                                                          const OptionInputs& inputs);

}  // namespace sluice::cli
