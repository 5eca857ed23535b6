// Many transfers at once over as many connections: the cost of one in time and memory, and whether it grows with their
// number. Drives an Engine with the smallest possible world, so that the figures are the engine's own. Leaves
// correctness to the rest of this folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::simtest {

// In the order in which they happen. Each phase is finished for all transfers before the next begins.
enum class ScalePhase : std::size_t {
  add,        // all transfers are queued
  resolve,    // names are answered; each transfer asks for a connection
  connect,    // all are connected
  send,       // all requests are taken
  answer,     // all responses come in three rounds of one piece each; the transfers end and are removed
  add_again,  // as many transfers again, over the idle connections
  send_again,
  answer_again,
  expire,  // time passes until every connection was closed
};
inline constexpr std::size_t kScalePhases = 9;
std::string_view to_string(ScalePhase phase);

// The order of the connections in each round.
enum class ScaleOrder : std::uint8_t {
  caused,  // the order in which they were asked for, as in a network with the same delay for all
  random,  // a new order each time: the worst case for a processor's caches
};

// Twice `transfers` at once, to `origins` in equal shares, one origin's after another's.
struct ScaleSetup {
  std::size_t transfers = 1;
  std::size_t origins = 1;
  ScaleOrder order = ScaleOrder::caused;
  std::size_t field_bytes = 0;  // bytes of a field that makes the request head longer
};

struct ScaleFigures {
  std::string fault;  // "" on success; else what failed, and the figures are invalid
  ScaleSetup setup;
  std::array<double, kScalePhases> phase_ns = {};  // processor time for each transfer
  double total_ns = 0;                             // of both waves, so it is the time of two transfers
  // What the engine has allocated, divided by the number of transfers.
  double most_bytes = 0;  // the maximum in the first wave: a transfer, its connection and its dial
  double idle_bytes = 0;  // with all transfers removed and all connections idle: a connection
  double left_bytes = 0;  // after everything is gone except the engine
};

ScaleFigures measure_scale(const ScaleSetup& setup);

// The bytes that all code of this process has allocated.
std::size_t bytes_in_use();

// As a multiple of the processor time at 1,000, with ScaleOrder::caused.
inline constexpr double kScaleTimeGoal = 2;
// For an idle connection without TLS; checked from 1,000 on, because an engine has buffers of its own.
inline constexpr double kScaleIdleGoalBytes = 2 * 1024;

// `sluice_sim --scale N`: runs N at once, side by side with 1,000, and prints tables of both to the standard output.
// Memory is brought into the process before (4 KiB for each transfer), so that waiting for the system's pages does not
// count. The exit code: 0; 1 if something went wrong or a goal was missed; 2 for an N of 0.
int run_scale(std::size_t transfers);

}  // namespace sluice::simtest
