// The descriptor numbers of programs in a simulated world. Each number is for a source that can be ready. As in a real
// system a new one gets the lowest free number, so numbers are used again at once; `life` tells the uses of a number
// apart. Knows nothing of the sources.
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
  static constexpr int kFirst = 3;  // the first after the standard streams

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
  // Null: the number is not in use.
  const Source* find(int fd) const { return known(fd) ? open_[static_cast<std::size_t>(fd - kFirst)].source : nullptr; }
  // Never the same twice; 0: the number is not in use.
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
