// Runs the transfers of a seed over HTTP/2 in a simulated world: many exchanges on one connection, with servers that
// change their settings, go away, refuse, ask for HTTP/1.1, reset and break rules, hosts that share connections, and an
// application that pauses and cancels.
//
// The oracles: what a transfer gets and sends is its own, and whole; every end has a cause that the plan or the weather
// knows; what an origin did not process is tried again, and nothing else is done twice; no window is larger than said;
// a paused transfer stops no other; transfers share a connection, those of several hosts only where its certificate is
// valid for all; a wrong response is never taken; cookies, priorities and trailers come as asked; what a connection
// keeps for its peer is under its cap; every exchange ends at both ends; and the client breaks no rule.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// `each_line` gets the trace as in run(); may be null. In a build without HTTP/2 there is nothing to run.
RunResult run_http2_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);
std::string describe_http2_seed(std::uint64_t seed);

}  // namespace sluice::simtest
