// How large the windows of the exchanges of one connection are (RFC 9113 5.2): they begin small, and grow while they
// limit the speed, which is if half of a window is consumed within two round trips. Round trips are measured by PINGs.
// A window does not grow while its bytes are not consumed. What others of the connection have grown to, a new one gets
// at once when it grows. Leaves to the session: frames, and what the peer has sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/limits.hpp"
#include "core/types.hpp"

namespace sluice::http2 {

// The window of one exchange, in bytes.
struct Window {
  std::size_t size = limits::kStreamWindowBytes;
  std::size_t consumed = 0;           // since half of it was consumed last
  std::optional<Instant> since = {};  // when that was; before the first time: when the first byte was consumed
  bool halved = false;                // half of it was consumed
};

class WindowGrowth {
 public:
  // The application has consumed so many bytes. True: the window has grown.
  bool consumed(Window& window, std::size_t bytes, Instant now);
  // The exchange has ended; the others may have what its window had grown by.
  void ended(const Window& window);

  // A PING should be sent, to measure the round trip; and what has become of it.
  bool wants_ping() const { return wanted_ && !sent_; }
  void ping_sent(Instant now);
  bool ping_answered(Instant now);  // false: there was none

 private:
  bool limits_speed(Instant since, Instant now) const;

  std::size_t grown_ = 0;                             // of all windows together
  std::size_t learned_ = limits::kStreamWindowBytes;  // the largest to which one has grown
  std::size_t pings_ = 0;
  bool wanted_ = false;
  std::optional<Instant> sent_;         // a PING that was not answered yet
  std::optional<Duration> round_trip_;  // the shortest that was measured
};

}  // namespace sluice::http2
