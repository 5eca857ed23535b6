// Which ends of a transfer over HTTP/2 have a cause: in its plan, at its origin, on its connection. Leaves to run.hpp
// what is done with an end that has none.
#pragma once

#include "adapters/sim.hpp"
#include "core/error.hpp"
#include "tests/sim/http2/book.hpp"
#include "tests/sim/http2/plan.hpp"

namespace sluice::simtest::http2 {

// `world`: as it is when the transfer ends.
bool has_cause(const Error& error, const Plan& plan, const Account& account, const sim::World& world,
               const TransferInfo& info);
// No response of this kind can be taken for a good one.
bool is_never_good(sim::Http2Fault fault);

}  // namespace sluice::simtest::http2
