// An origin that multiplexes, in the framing of tests/support/mux_session.hpp: it answers many exchanges at once, in
// turns of a frame each, and does with them what the plan says. It holds the engine to what it sees: windows, resets,
// and what its sessions do. Knows plans and oracles; leaves to these what a request should be.
#pragma once

#include <functional>

#include "adapters/sim_origin.hpp"
#include "core/http/session.hpp"
#include "tests/sim/oracles/oracles.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

// `respond` as for an origin of HTTP/1: when a request is whole, and when its head has come if it has a body.
sim::Accept mux_origin(const Scenario& scenario, const MuxPlan& plan, std::optional<Duration> keep_alive,
                       Oracles& oracles, sim::Responder respond);

// Chooses sessions by what the origin speaks.
std::unique_ptr<http::SessionFactory> mux_sessions(const Scenario& scenario, Oracles& oracles);

}  // namespace sluice::simtest
