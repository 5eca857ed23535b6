// The types that every part of sluice uses: bytes, time, seeds and ids.
// Knows nothing of HTTP, sockets or clocks; how time and randomness are obtained is the caller's business.
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

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// Views of the same memory under the other type; nothing is copied or validated.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// What to send now, in order, for one writev. The bytes are the engine's or the session's: views that live until the
// next non-const call on the object that gave them.
struct OutputView {
  static constexpr std::size_t kMaxSpans = 4;
  std::array<Bytes, kMaxSpans> spans = {};  // those from `count` on are empty
  std::size_t count = 0;

  bool empty() const { return count == 0; }
  std::size_t size_bytes() const { return spans[0].size() + spans[1].size() + spans[2].size() + spans[3].size(); }
  // Empty ones are left out. At most kMaxSpans are held.
  void push(Bytes bytes) {
    if (!bytes.empty()) spans[count++] = bytes;
  }
};

// A steady time axis that only the caller can read: the type has no now(), so the core cannot call one.
struct SteadyAxis {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<SteadyAxis>;
  static constexpr bool is_steady = true;
};
using Duration = std::chrono::nanoseconds;
using Instant = SteadyAxis::time_point;
using UnixSeconds = std::int64_t;

// The time of one call into the core. `steady` drives timers and figures and is clamped monotone by the engine;
// `wall` judges certificates.
struct Now {
  Instant steady = {};
  UnixSeconds wall = 0;
};

// Where random numbers begin (core/base/random.hpp): the same seed gives the same run.
struct Seed {
  std::uint64_t value = 0;
};

// {index, generation}: an id outlives what it names without ever naming something else.
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

// So that ids are keys of unordered containers.
template <class Tag>
struct std::hash<sluice::Id<Tag>> {
  std::size_t operator()(sluice::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(std::uint64_t{id.generation} << 32 | id.index);
  }
};
