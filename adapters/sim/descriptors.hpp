// The numbers by which a program in a simulated world waits. Each stands for something that can be ready. As a system
// does, a new one gets the lowest number that is free, so numbers are taken again at once; the life tells one from the
// next. Knows nothing of what they stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "adapters/environment.hpp"

namespace sluice::sim {

class Source {
 public:
  virtual std::uint8_t ready() const = 0;  // Events, level-triggered

 protected:
  ~Source() = default;
};

class Descriptors {
 public:
  static constexpr int kFirst = 3;  // as after the standard streams

  int open(const Source& source) {
    std::size_t index = 0;
    while (index < open_.size() && open_[index].source) ++index;
    if (index == open_.size()) open_.emplace_back();
    open_[index] = {&source, ++lives_};
    return kFirst + static_cast<int>(index);
  }
  void close(int fd) {
    if (find(fd)) open_[static_cast<std::size_t>(fd - kFirst)] = {};
  }
  // Null: there is none.
  const Source* find(int fd) const { return known(fd) ? open_[static_cast<std::size_t>(fd - kFirst)].source : nullptr; }
  // Never the same twice; 0: there is none.
  std::uint64_t life(int fd) const { return known(fd) ? open_[static_cast<std::size_t>(fd - kFirst)].life : 0; }

 private:
  struct Open {
    const Source* source = nullptr;
    std::uint64_t life = 0;
  };
  bool known(int fd) const { return fd >= kFirst && static_cast<std::size_t>(fd - kFirst) < open_.size(); }

  std::vector<Open> open_;
  std::uint64_t lives_ = 0;
};

}  // namespace sluice::sim
