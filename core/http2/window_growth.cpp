// See window_growth.hpp.
#include "core/http2/window_growth.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::http2 {

// A new window is not larger from the start: then a peer could send as much to each exchange that consumes nothing.
bool WindowGrowth::consumed(Window& window, std::size_t bytes, Instant now) {
  if (!window.since) window.since = now;
  window.consumed += std::min(bytes, window.size);
  if (window.consumed < window.size / 2) return false;
  window.consumed = 0;
  const Instant since = *std::exchange(window.since, now);
  const bool is_first = !std::exchange(window.halved, true);
  if (!round_trip_ && pings_ == 0) wanted_ = true;
  // The first half alone makes it no larger than others have been: when its bytes were asked for is not known.
  const std::size_t goal = std::max(is_first ? window.size : 2 * window.size, learned_);
  if (!limits_speed(since, now)) return false;
  const std::size_t most = std::min(goal, limits::kMaxStreamWindowBytes);
  const std::size_t more = std::min(most - window.size, limits::kMaxGrownBytes - grown_);
  if (more == 0) return false;
  window.size += more;
  grown_ += more;
  learned_ = std::max(learned_, window.size);
  wanted_ |= pings_ < limits::kMaxWindowPings;  // the round trip may have been shorter without the others' bytes
  return true;
}

// Half of a window that limits the speed is consumed within one round trip; two, because both ends take time as well.
// While the PING is not answered the round trip is at least as long as it has been waited for.
bool WindowGrowth::limits_speed(Instant since, Instant now) const {
  if (round_trip_) return now - since < 2 * *round_trip_;
  return sent_ && *sent_ <= since;
}

void WindowGrowth::ended(const Window& window) {
  const std::size_t grown = window.size - limits::kStreamWindowBytes;
  SLUICE_CHECK(grown <= grown_);
  grown_ -= grown;
}

void WindowGrowth::ping_sent(Instant now) {
  wanted_ = false;
  sent_ = now;
  ++pings_;
}

bool WindowGrowth::ping_answered(Instant now) {
  if (!sent_) return false;
  const Duration trip = now - *sent_;
  sent_.reset();
  round_trip_ = round_trip_ ? std::min(*round_trip_, trip) : trip;
  return true;
}

}  // namespace sluice::http2
