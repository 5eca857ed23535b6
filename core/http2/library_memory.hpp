// The memory of libnghttp2: taken by operator new, so that an application has one place to replace. The library frees
// some blocks twice after it has run out of memory (1.52), so from then on nothing is freed before all is.
#pragma once

#include <cstddef>

namespace sluice::http2 {

// The library keeps its address: it does not move.
class LibraryMemory {
 public:
  LibraryMemory() = default;
  LibraryMemory(const LibraryMemory&) = delete;
  LibraryMemory& operator=(const LibraryMemory&) = delete;
  ~LibraryMemory();  // frees all blocks that are left

  // A block that is aligned for every type; nullptr: there is no memory.
  void* allocate(std::size_t bytes) noexcept;
  void* reallocate(void* block, std::size_t bytes) noexcept;
  void release(void* block) noexcept;  // nullptr is ignored
  // An allocation has failed: the library must not be called any more, not even to free what it has.
  bool refused() const { return refused_; }

 private:
  struct Block;
  static Block* block_of(void* memory);
  Block* first_ = nullptr;
  bool refused_ = false;
};

}  // namespace sluice::http2
