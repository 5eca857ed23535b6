// An origin that multiplexes, with the framing of tests/support/mux_session.hpp: it answers many exchanges at once, one
// frame of each in turn, as the plan says. It checks what the engine's sessions do: windows and resets. Leaves to the
// oracles what a request should be.
#pragma once

#include <functional>

#include "adapters/sim_origin.hpp"
#include "core/http/session.hpp"
#include "tests/sim/oracles/oracles.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

// `respond` is called as for an HTTP/1 origin: when a request is complete, and when its head has come if it has a body.
sim::Accept mux_origin(const Scenario& scenario, const MuxPlan& plan, std::optional<Duration> keep_alive,
                       Oracles& oracles, sim::Responder respond);

// Makes sessions of the kind that the origin has.
std::unique_ptr<http::SessionFactory> mux_sessions(const Scenario& scenario, Oracles& oracles);

}  // namespace sluice::simtest
