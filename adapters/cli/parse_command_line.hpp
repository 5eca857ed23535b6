// Parses a command line and the config files that it names. Knows curl's order: ~/.sluicerc, then the arguments, each
// config file at the place where it is named; variables have the content that was set before. Reads files only through
// OptionInputs. Leaves to others: spelling (arguments), what is in "{{}}" (variables), the meaning of an option
// (command_builder), and making operations (operations).
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
