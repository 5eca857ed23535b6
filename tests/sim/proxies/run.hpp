// Runs transfers through proxies in a simulated world: proxies of all kinds, alone and in chains, which ask for
// credentials, refuse, break off, or do not exist, before origins with and without TLS. In half of the seeds some
// proxies and origins speak HTTP/2: then a tunnel is a stream, which may be refused, reset or ended, or share its
// connection's GOAWAY and silence, through windows of any size.
//
// The oracles: an origin sees a request that is meant for it, by one of the ways of its transfer, with nothing that is
// meant for a proxy; a proxy sees what it understands, its own fields, and nothing that is meant for an origin; a
// connection that a user has logged in carries that user's requests only; a POST is processed once; a response is
// whole; there are no more connections to one proxy than are allowed; every transfer ends; and if nothing goes wrong,
// the first way that can be gone decides how. Each response has come over the version that was agreed on, and an
// idle time-out, or an error of HTTP/2, has a cause.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest {

// `each_line` gets the trace as in run(); may be null.
RunResult run_proxies_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line = nullptr);
std::string describe_proxies_seed(std::uint64_t seed);

}  // namespace sluice::simtest
