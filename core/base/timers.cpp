// See timers.hpp.
#include "core/base/timers.hpp"

namespace sluice {

Instant Timers::later(Instant from, Duration by) {
  const Duration room = Instant::max() - from;
  return by > room ? Instant::max() : from + by;
}

std::optional<Deadline> Timers::earliest() const {
  const auto entry = heap_.earliest();
  if (!entry) return std::nullopt;
  return Deadline{entry->at, static_cast<TimerKind>(entry->kind)};
}

std::optional<Timers::Due> Timers::pop_due(Instant now) {
  const auto entry = heap_.pop_due(now);
  if (!entry) return std::nullopt;
  return Due{static_cast<TimerKind>(entry->kind), entry->index, entry->generation};
}

}  // namespace sluice
