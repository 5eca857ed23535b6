// The types that every part of sluice uses: bytes, time, seeds and ids.
// Knows nothing of HTTP, sockets or clocks. Leaves to others: how time and random numbers are obtained.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "language.hpp"

namespace sluice {

// Views of bytes; the memory belongs to others.
using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// The same memory as another type; nothing is copied or checked.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The bytes to send now, in order, for one writev. Views that live until the next non-const call on the object that
// returned them.
struct OutputView {
  static constexpr std::size_t kMaxSpans = 4;
  std::array<Bytes, kMaxSpans> spans = {};  // the spans from `count` on are empty
  std::size_t count = 0;

  bool empty() const { return count == 0; }
  std::size_t size_bytes() const { return spans[0].size() + spans[1].size() + spans[2].size() + spans[3].size(); }
  // Appends a span; an empty one is left out. There must be room: count < kMaxSpans.
  void push(Bytes bytes) {
    if (!bytes.empty()) spans[count++] = bytes;
  }
};

// The clock type of steady time. It has no now(), so the core cannot read the time: the caller gives it.
struct SteadyAxis {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<SteadyAxis>;
  static constexpr bool is_steady = true;
};
// Nanoseconds; and an instant of the caller's steady clock, whose epoch does not matter.
using Duration = std::chrono::nanoseconds;
using Instant = SteadyAxis::time_point;
// Seconds since 1970-01-01 00:00 UTC.
using UnixSeconds = std::int64_t;

// The time of one call into the core. `steady` is for timers and progress; the engine never lets it go back. `wall` is
// for the validity of certificates.
struct Now {
  Instant steady = {};
  UnixSeconds wall = 0;
};

// The start of a sequence of random numbers (core/base/random.hpp): the same seed gives the same run.
struct Seed {
  std::uint64_t value = 0;
};

// An id of {index, generation}. It may outlive the object that it names, and then names nothing; it never names another
// object.
// A default id names nothing.
template <class Tag>
struct Id {
  std::uint32_t index = 0xffff'ffff;
  std::uint32_t generation = 0;

  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;
  explicit operator bool() const { return index != 0xffff'ffff; }
};
using TransferId = Id<struct TransferTag>;
using ConnId = Id<struct ConnTag>;
using ResolveId = Id<struct ResolveTag>;

}  // namespace sluice

// Ids can be keys of unordered containers.
template <class Tag>
struct std::hash<sluice::Id<Tag>> {
  std::size_t operator()(sluice::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(std::uint64_t{id.generation} << 32 | id.index);
  }
};
