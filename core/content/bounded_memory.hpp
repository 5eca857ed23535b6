// The memory of one decoder's library: taken by operator new, so that an application has one place to replace, and
// never more than a limit. The libraries call it by the functions that they let a program give them.
// Leaves to others: how much each library may take (limits.hpp).
#pragma once

#include <cstddef>

namespace sluice::content {

// The libraries keep its address: it does not move.
class BoundedMemory {
 public:
  // `limit`: bytes, of all blocks together; less than half of what std::size_t holds.
  explicit BoundedMemory(std::size_t limit) : limit_(limit) {}
  BoundedMemory(const BoundedMemory&) = delete;
  BoundedMemory& operator=(const BoundedMemory&) = delete;

  // A block that is aligned for every type; nullptr: there is no memory, or the limit would be exceeded.
  void* allocate(std::size_t bytes) noexcept;
  void release(void* block) noexcept;  // nullptr is ignored
  // An allocation has failed.
  bool refused() const { return refused_; }
  std::size_t used_bytes() const { return used_; }

  // As the libraries want them; `self` is the BoundedMemory.
  static void* allocate_in(void* self, std::size_t bytes) noexcept;
  static void* allocate_array_in(void* self, unsigned count, unsigned bytes) noexcept;
  static void release_in(void* self, void* block) noexcept;

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
  bool refused_ = false;
};

}  // namespace sluice::content
