// Converts the figures of a finished transfer into the variables of -w. Pure. Leaves the format to write_out.hpp, and
// to the caller what one transfer does not know: WriteOutFacts::now, xfer_id and conn_id.
#pragma once

#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/write_out.hpp"
#include "adapters/multi.hpp"

namespace sluice::cli {

// The hops of a transfer that follows redirects; none: it has only one.
struct HopChain {
  std::vector<Hop> hops = {};
  std::string referer = {};  // of the last request
};

// `head`: of the response; null: none; must live as long as the result.
WriteOutFacts transfer_facts(const Operation& operation, const Message& message, const ResponseHead* head,
                             const Failure& end, const HopChain& chain = {});

}  // namespace sluice::cli
