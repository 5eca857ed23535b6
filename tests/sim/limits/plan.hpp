// What a seed decides about limits: origins, transfers with their limits, and the limits of the engine. Plain values.
// Leaves running it to run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sim.hpp"
#include "core/transfer_limits.hpp"

namespace sluice::simtest::limits {

enum class OriginKind : std::uint8_t {
  answers,
  nameless,  // its name has no answer
  mute,      // it accepts connections and sends nothing, in TLS neither
  never,     // it reads requests and sends no response
};

struct OriginPlan {
  OriginKind kind = OriginKind::answers;
  bool tls = false;
};

struct TransferPlan {
  std::size_t origin = 0;
  Duration start = {};
  std::size_t upload = 0;     // bytes of its request body; 0: a GET
  std::size_t bytes = 0;      // of the response's body
  Duration reply_after = {};  // before the first byte of the response
  bool chunked = false;
  TransferLimits limits = {};
};

// The rates of all transfers together change while some of them run.
struct RateChange {
  Duration at = {};
  std::optional<std::uint64_t> receive, send;
};

struct Plan {
  std::uint64_t seed = 0;
  sim::Weather weather;
  EngineLimits limits;
  std::optional<Duration> network_changes;
  std::optional<RateChange> rates_change;
  std::vector<OriginPlan> origins;
  std::vector<TransferPlan> transfers;
};

// Of every transfer, so that each ends.
inline constexpr Duration kConnectTimeout = std::chrono::seconds(40);
inline constexpr Duration kIdleTimeout = std::chrono::seconds(30);

Plan draw_plan(std::uint64_t seed);
std::string describe(const Plan& plan);

}  // namespace sluice::simtest::limits
