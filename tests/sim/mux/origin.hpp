// An origin that multiplexes, with the framing of tests/support/mux_session.hpp: it answers many exchanges at once, one
// frame of each in turn, as the plan says. It checks what the engine's sessions do: windows and resets. Leaves to the
// oracles what a request should be.
//
// The runs of HTTP/2 (tests/sim/http2) see its connections from the origin's end only. Here the session is the test's
// own, so the oracles know at each step what every connection could carry, and these runs alone prove that
// - no transfer waits while a connection has room for it, and an exchange is opened only where there is room;
// - transfers share the connections that are being made, for each value of expected_exchanges() from 1 to 100;
// - those that lose a connection go on in the order in which they were sent;
// - a window is opened for no more than the application has consumed, exchange by exchange;
// - all of the ordinary features (routes, families, limits, events, old times, stale calls) hold for exchanges that
//   share a connection, and beside origins of HTTP/1;
// - the engine needs nothing of a session but http::Session.
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
