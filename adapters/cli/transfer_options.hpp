// The options of an operation's transfer, from its settings. Leaves adding the transfer to running_operation.hpp.
#pragma once

#include <expected>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/surroundings.hpp"
#include "core/options.hpp"

namespace sluice::cli {

// Error: the TLS configuration cannot be made, a proxy cannot be used, or a path is too long for a Unix-domain socket.
std::expected<TransferOptions, Failure> transfer_options(const Operation& operation, Surroundings& surroundings);

}  // namespace sluice::cli
