// The memory of libnghttp2: taken by operator new, so that an application has one place to replace. The library frees
// some blocks twice after it has run out of memory (1.52), so from then on nothing is freed before all is.
// It takes and frees some twenty small blocks for each request: freed ones are kept for the next, so that the steady
// state needs no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace sluice::http2 {

// The library has a buffer of more than 16 KiB for each connection, to make one frame in. It holds nothing once all
// output was taken, so all connections of an engine can share it.
class FrameBuffer {
 public:
  static constexpr std::size_t kBytes = 17 * 1024;
  std::byte* get() noexcept;  // nullptr: there is no memory

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

// The library keeps its address: it does not move.
class LibraryMemory {
 public:
  LibraryMemory() = default;
  LibraryMemory(const LibraryMemory&) = delete;
  LibraryMemory& operator=(const LibraryMemory&) = delete;
  ~LibraryMemory();  // frees all blocks that are left

  // A block that is aligned for what the library has in them, pointers and integers; nullptr: there is no memory.
  void* allocate(std::size_t bytes) noexcept;
  void* reallocate(void* block, std::size_t bytes) noexcept;
  void release(void* block) noexcept;  // nullptr is ignored
  // An allocation has failed: the library must not be called any more, not even to free what it has.
  bool refused() const { return refused_; }

  // The first block that can only be the library's frame buffer is this one. It must outlive this object.
  void lend(FrameBuffer& buffer) { lent_ = &buffer; }
  void release_spares() noexcept;  // frees most of the blocks that are kept

 private:
  struct Block;
  static constexpr std::size_t kStepBytes = 16, kSizes = 32;  // blocks of 16, 32 ... 512 bytes are kept
  static Block* block_of(void* memory);
  void* take_lent(std::size_t bytes) noexcept;
  void free_spares(std::size_t most) noexcept;

  Block* first_ = nullptr;
  std::array<Block*, kSizes> spares_ = {};  // by size; linked by `next`
  std::size_t spare_bytes_ = 0;             // with what is before each block
  FrameBuffer* lent_ = nullptr;
  void* in_lent_ = nullptr;  // what the library has of it
  bool refused_ = false;
};

}  // namespace sluice::http2
