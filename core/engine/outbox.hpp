// The outputs that wait to be polled, first in, first out. Knows nothing of what they are about, nor which of them are
// out of date when they are polled; what found no room in here is remembered by its object (jobs.hpp, connections.hpp).
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/memory.hpp"
#include "core/outputs.hpp"

namespace sluice::engine {

class Outbox {
 public:
  // std::bad_alloc: nothing has changed.
  template <class Kind>
  void put(Kind output) {
    waiting_.emplace_back(std::in_place_type<Kind>, std::move(output));
  }
  void put(Output output) { waiting_.push_back(std::move(output)); }
  // False: no memory, and nothing has changed.
  template <class Kind>
  bool try_put(Kind output) noexcept {
    return has_memory_for([&] { put(std::move(output)); });
  }
  // A request head on its way. Without memory for its copy it is not told; nothing else depends on it.
  void try_put_head(TransferId id, Bytes head) noexcept {
    has_memory_for([&] { put(output::HeadSent{id, std::string(as_text(head))}); });
  }
  // The next put() needs no memory. std::bad_alloc: nothing has changed.
  void make_room() {
    if (waiting_.size() == waiting_.capacity()) waiting_.reserve(2 * waiting_.size() + kLeastRoom);
  }

  bool empty() const { return next_ == waiting_.size(); }
  std::optional<Output> pop();
  std::size_t capacity() const { return waiting_.capacity(); }

  // More room than this was a flood's: it is given back when all have been read.
  static constexpr std::size_t kKept = 256;

 private:
  static constexpr std::size_t kLeastRoom = 16;
  std::vector<Output> waiting_;
  std::size_t next_ = 0;
};

}  // namespace sluice::engine
