// Converts the figures of a finished transfer into the variables of -w. Pure. Leaves the format to write_out.hpp.
#pragma once

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/write_out.hpp"
#include "adapters/multi.hpp"

namespace sluice::cli {

// `head`: of the response; null: none; must live as long as the result.
WriteOutFacts transfer_facts(const Operation& operation, const Message& message, const ResponseHead* head,
                             const Failure& end);

}  // namespace sluice::cli
