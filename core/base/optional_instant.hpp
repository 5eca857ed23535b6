// An instant or none, in the room of an instant: for objects that exist by the hundred thousand.
#pragma once

#include <optional>

#include "core/types.hpp"

namespace sluice {

// Used as std::optional<Instant>, which it converts to and from. The earliest instant that there is means none.
class OptionalInstant {
 public:
  OptionalInstant() = default;
  OptionalInstant(std::nullopt_t) {}
  OptionalInstant(Instant at) : at_(at) {}
  OptionalInstant(std::optional<Instant> at) : at_(at.value_or(Instant::min())) {}
  explicit operator bool() const { return at_ != Instant::min(); }
  operator std::optional<Instant>() const { return *this ? std::optional(at_) : std::nullopt; }
  Instant operator*() const { return at_; }
  Instant value_or(Instant other) const { return *this ? at_ : other; }
  void reset() { at_ = Instant::min(); }
  friend bool operator==(OptionalInstant, OptionalInstant) = default;

 private:
  Instant at_ = Instant::min();
};

}  // namespace sluice
