// Many transfers at once over as many connections: what one costs in time and memory, and whether that grows with their
// number. Knows an Engine driven by hand in the smallest world there is, so that the figures are the engine's own.
// Leaves to others: faults, bytes of many kinds and every other question of being right (the rest of this folder).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::simtest {

// In the order in which they happen. Every one is finished for all transfers before the next begins.
enum class ScalePhase : std::size_t {
  add,        // all transfers are queued
  resolve,    // names are answered; a connection is asked for, for each
  connect,    // all are connected
  send,       // all requests are taken
  answer,     // all responses come, in three rounds of a piece each; the transfers are done and removed
  add_again,  // as many transfers once more, over the connections that were kept alive
  send_again,
  answer_again,
  expire,  // time passes until every connection was given up
};
inline constexpr std::size_t kScalePhases = 9;
std::string_view to_string(ScalePhase phase);

// In which order the world gets to the connections in each round.
enum class ScaleOrder : std::uint8_t {
  caused,  // the one in which they were asked for, as over a network with the same delay for everybody
  random,  // a new one each time: the worst there is for a processor's caches
};

// Twice `transfers` at once, to `origins` in equal shares, one origin's after another's.
struct ScaleSetup {
  std::size_t transfers = 1;
  std::size_t origins = 1;
  ScaleOrder order = ScaleOrder::caused;
  std::size_t field_bytes = 0;  // of a field that makes the request's head longer
};

struct ScaleFigures {
  std::string fault;  // "" if all went as it should; else what did not, and the figures mean nothing
  ScaleSetup setup;
  std::array<double, kScalePhases> phase_ns = {};  // processor time, a transfer
  double total_ns = 0;                             // both waves, so it is the time of two transfers
  // What the engine has allocated in whatever it keeps, divided by the number of transfers.
  double most_bytes = 0;  // at its largest, in the first wave: a transfer, its connection and the making of it
  double idle_bytes = 0;  // all transfers are removed, all connections idle: a connection
  double left_bytes = 0;  // everything is gone, but for the engine itself
};

ScaleFigures measure_scale(const ScaleSetup& setup);

// What is allocated in this process, by all of its code.
std::size_t bytes_in_use();

// Times the processor time at 1,000, in the order as caused.
inline constexpr double kScaleTimeGoal = 2;
// An idle connection, plain; judged from 1,000 on, since an engine has buffers of its own.
inline constexpr double kScaleIdleGoalBytes = 2 * 1024;

// `sluice_sim --scale N`: runs N at once, side by side with 1,000, and prints tables of both to the standard output.
// Memory is brought into the process beforehand (4 KiB a transfer), since at 1,000 nobody waits for the system's fresh
// pages either. The exit code: 0; 1 if something went wrong or a goal was missed; 2 for an N of 0.
int run_scale(std::size_t transfers);

}  // namespace sluice::simtest
