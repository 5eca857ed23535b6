// A constexpr table of legal moves between the states of a small enum. Every enter() checks it before it writes a
// state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

namespace sluice {

template <class State, std::size_t kStates>
class Transitions {
 public:
  static_assert(kStates <= 32);
  constexpr Transitions(std::initializer_list<std::pair<State, State>> moves) {
    for (const auto& [from, to] : moves) allowed_[index(from)] |= 1U << index(to);
  }
  constexpr bool allows(State from, State to) const { return (allowed_[index(from)] >> index(to) & 1U) != 0; }

 private:
  static constexpr std::size_t index(State state) { return static_cast<std::size_t>(state); }
  std::uint32_t allowed_[kStates] = {};
};

}  // namespace sluice
