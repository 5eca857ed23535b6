// Runs https transfers to names with HTTPS records (RFC 9460), which are drawn from the seed, and whose answers come in
// parts, late, or not at all. The facts of the world are drawn one by one; there is no simulated network, and no TLS: a
// connection is closed as soon as it is open.
//
// The oracles: a connection goes to the port and to the addresses of the record if one has come before the first
// attempt, and to the host's own otherwise; nothing is begun while records may still come in time, and everything is
// begun when that time is over; the host's own port is tried after a record only if the record leads nowhere; and every
// transfer ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/run.hpp"

namespace sluice::simtest::names {

RunResult run_records_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line);

}  // namespace sluice::simtest::names
