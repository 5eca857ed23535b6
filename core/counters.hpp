// What an engine has done so far, in numbers. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "language.hpp"

namespace sluice {

// Engine::counters() returns one at any time, at constant cost.
struct Counters {
  // At this moment.
  std::size_t transfers_running = 0;  // added and not ended
  std::size_t transfers_queued = 0;   // of these: on no connection, and none is being made for them
  std::size_t connections_open = 0;   // between output::Connect and output::Close
  std::size_t connections_idle = 0;   // of these: ready for a request, and used by no transfer

  // Since the engine was made.
  std::uint64_t transfers_added = 0;
  std::uint64_t transfers_succeeded = 0;
  std::uint64_t transfers_failed = 0;    // ended with an error, canceled ones included
  std::uint64_t requests = 0;            // put on a connection; a hop and a retry have one each
  std::uint64_t requests_reused = 0;     // of these: on a connection that had carried another one before
  std::uint64_t connections_begun = 0;   // output::Connect
  std::uint64_t connections_made = 0;    // of these: became ready for a request, TLS and proxies included
  std::uint64_t connections_failed = 0;  // of these: refused or cut off before that, or out of time
  std::uint64_t look_ups = 0;            // output::Resolve
  std::uint64_t look_ups_failed = 0;
  std::uint64_t bytes_received = 0;  // on all streams, heads, TLS and proxies included
  std::uint64_t bytes_sent = 0;

  friend bool operator==(const Counters&, const Counters&) = default;
};

}  // namespace sluice
