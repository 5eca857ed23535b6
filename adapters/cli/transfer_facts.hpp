// A finished transfer's figures in the words of -w. Pure.
#pragma once

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/write_out.hpp"
#include "adapters/multi.hpp"

namespace sluice::cli {

// `fields`: of the response, null for none; must live as long as the result.
WriteOutFacts transfer_facts(const Operation& operation, const Message& message, const ResponseHead* head,
                             const Failure& end);

}  // namespace sluice::cli
