// What a seed decides before a run: the origins and the behaviour of the streams to them, the transfers and what their
// owners do, and how the Multi is driven. Swarm testing: each fault and each behaviour is on in some seeds and off in
// others.
//
// Plain values. Leaves to others: the near ends (wire.hpp), and what must be true (world.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sim.hpp"
#include "core/base/random.hpp"
#include "core/types.hpp"

namespace sluice::simtest::driven {

// Each purpose has its own random numbers, so that one more draw for one does not change another.
enum class Draws : std::uint64_t { plan, line, far_end, client, drive, application, http2 };
Random draws(std::uint64_t seed, Draws what, std::uint64_t number = 0, std::uint64_t part = 0);
bool chance(Random& random, unsigned per_mille);

using sim::PerMille;

// What has gone wrong at an origin: it may explain why a transfer failed.
enum class Fault : std::uint8_t {
  refused,
  open_failed,
  error,
  early_end,
  lie,
  reset,
  stall,
  idle_close,
  origin_fault,
  name_fails
};
inline constexpr std::size_t kFaults = 10;
std::string_view to_string(Fault fault);

// How the near ends of the streams to one origin behave; drawn for each connection or each call. The weather decides
// about the network.
struct LinePlan {
  PerMille plain = 0;   // of transfers: they use TCP with a look-up; the others use a route
  PerMille hidden = 0;  // connections without a descriptor, with signals
  // Harmless
  PerMille drips = 0;   // the first bytes of a connection come one by one
  PerMille blocks = 0;  // a call moves nothing although it could
  PerMille pieces = 0;  // a call moves less than it could
  PerMille slow_open = 0;
  PerMille odd_signals = 0;  // twice, late, or for nothing
  // Harmful: a probability for each connection or look-up
  PerMille open_failed = 0, error = 0, early_end = 0, lie = 0, name_fails = 0;
  std::size_t fault_within = 8 * 1024;  // after up to this many bytes in both directions
};

struct OriginPlan {
  std::string host;
  bool tls = false;
  std::string identity;             // identity of its route; "": only the same Dialer object
  std::size_t max_connections = 0;  // the route's own; 0: no limit
  LinePlan line;
  sim::HttpOriginOptions http;
  bool http2 = false;  // it speaks HTTP/2, and all transfers know it
  sim::Http2OriginOptions streams;
};

enum class Upload : std::uint8_t { none, view, owned, sized_stream, chunked_stream };

struct TransferPlan {
  std::size_t origin = 0;
  std::string method = "GET";
  std::uint64_t add_at_step = 0;
  bool no_handler = false;  // body() and consume_body() from outside
  // The answer
  std::size_t size = 0, start = 0;  // of its body: see content()
  sim::HttpReply reply;             // except the body
  // The request
  Upload upload = Upload::none;
  std::size_t upload_size = 0, upload_start = 0;
  std::optional<std::size_t> fail_upload_at;
  // What its owner does
  std::optional<Duration> total_timeout, idle_timeout, connect_timeout;
  std::optional<std::uint64_t> max_body_bytes;
  bool fresh_connection = false, forbid_reuse = false;
  PerMille pauses = 0;  // of on_body and on_upload
  Duration longest_pause = {};
  PerMille mischief = 0;                 // of each callback: it removes, adds, drives recursively, ...
  std::optional<Duration> cancel_after;  // after it was added
  bool remove_unread = false;            // before its message is read
};

// Its origin's fault brings bytes that are not those of the plan.
bool has_wrong_body(const TransferPlan& transfer);

enum class DriveKind : std::uint8_t { perform_poll, perform_select, socket_action, fd };
inline constexpr std::size_t kDriveKinds = 4;
std::string_view to_string(DriveKind kind);

struct DrivePlan {
  std::vector<DriveKind> kinds;  // at least one
  PerMille switches = 0;         // of a step: another way of driving from here on
  PerMille needless = 0;         // an unneeded drive, a second one, or an early timeout
  PerMille stale = 0;            // socket_action() for descriptors that are not ready, not watched, or do not exist
  PerMille lazy = 0;             // a reported event is not passed on now
  PerMille wakeups = 0;
  std::size_t max_reads = 256;
  Duration max_time = std::chrono::seconds(10);
  bool high_descriptors = false;  // numbers above FD_SETSIZE
  std::uint64_t read_messages_every = 1;
};

struct Plan {
  std::uint64_t seed = 0;
  bool http2 = false;  // some origins speak it, and the application makes the calls that matter for it
  std::vector<OriginPlan> origins;
  sim::Weather weather;
  std::vector<TransferPlan> transfers;
  DrivePlan drive;
  std::size_t max_connections = 0, max_connections_per_origin = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);
  bool may_stall = false;                        // then each transfer has a total_timeout
  std::optional<std::uint64_t> abandon_at_step;  // the Multi is then destroyed with running transfers
};

Plan draw_plan(std::uint64_t seed);
std::string describe(const Plan& plan);

// Bytes that look random: any part of them tells its position. At most kContentBytes in all.
inline constexpr std::size_t kContentBytes = 2 * 1024 * 1024;
std::string_view content(std::size_t start, std::size_t size);

}  // namespace sluice::simtest::driven
