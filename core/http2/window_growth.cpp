// See window_growth.hpp.
#include "core/http2/window_growth.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::http2 {

// The peer is told of this window alone: a larger SETTINGS_INITIAL_WINDOW_SIZE would open those that are not consumed
// too (RFC 9113 6.9.2).
bool WindowGrowth::begun(Window& window) {
  const std::size_t room = (limits::kMaxGrownBytes - grown_) / 2;
  const std::size_t more = std::min(learned_ - limits::kStreamWindowBytes, room);
  window.size = limits::kStreamWindowBytes + more;
  grown_ += more;
  return more != 0;
}

bool WindowGrowth::consumed(Window& window, std::size_t bytes, Instant now) {
  window.consumed += std::min(bytes, window.size);
  if (window.consumed < window.size / 2) return false;
  window.consumed = 0;
  const std::optional<Instant> before = std::exchange(window.half, now);
  if (!round_trip_ && pings_ == 0) wanted_ = true;
  if (!before || !limits_speed(*before, now)) return false;
  const std::size_t room = std::min(limits::kMaxStreamWindowBytes - window.size, limits::kMaxGrownBytes - grown_);
  const std::size_t more = std::min(window.size, room);
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
