// core/http2/library_memory: blocks are used again, few are kept for later, and a frame buffer that is shared.
#include "core/http2/library_memory.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

namespace sluice {
namespace {

using http2::FrameBuffer;
using http2::LibraryMemory;

constexpr std::size_t kFrame = 16 * 1024 + 10;

}  // namespace

TEST_CASE("http2 memory: a small block that was freed is the next of about its size, with all of its bytes") {
  LibraryMemory memory;
  for (const std::size_t bytes : {0U, 1U, 31U, 32U, 33U, 100U, 511U, 512U}) {
    CAPTURE(bytes);
    void* const first = memory.allocate(bytes);
    void* const second = memory.allocate(bytes);
    REQUIRE(first != second);
    std::memset(first, 1, bytes);
    memory.release(first);
    CHECK(memory.allocate(bytes) == first);
    std::memset(first, 2, bytes);
    memory.release(second);
    void* const larger = memory.reallocate(first, bytes + 40);
    REQUIRE(larger);
    CHECK(std::vector<char>(bytes, 2) ==
          std::vector<char>(static_cast<char*>(larger), static_cast<char*>(larger) + bytes));
    memory.release(larger);
  }
  CHECK_FALSE(memory.refused());
}

TEST_CASE("http2 memory: blocks of all sizes, freed in another order, and most of those that are kept") {
  LibraryMemory memory;
  std::vector<void*> blocks;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t bytes = 1; bytes < 5'000; bytes = bytes * 9 / 8 + 1) {
      for (int i = 0; i < 50; ++i) std::memset(blocks.emplace_back(memory.allocate(bytes)), 3, bytes);
    }
    for (std::size_t i = 0; i < blocks.size(); i += 2) memory.release(blocks[i]);
    for (std::size_t i = 1; i < blocks.size(); i += 2) memory.release(blocks[i]);
    blocks.clear();
    memory.release_spares();
  }
  memory.release(nullptr);
  void* const kept = memory.allocate(100);  // freed with the object
  CHECK(kept);
  CHECK_FALSE(memory.refused());
}

TEST_CASE("http2 memory: the frame buffer is lent once to each, and to several at the same time") {
  FrameBuffer buffer;
  LibraryMemory one, other;
  one.lend(buffer);
  other.lend(buffer);
  void* const small = one.allocate(16 * 1024);
  void* const large = one.allocate(FrameBuffer::kBytes + 1);
  void* const frame = one.allocate(kFrame);
  CHECK(frame == static_cast<void*>(buffer.get()));
  CHECK(small != frame);
  CHECK(large != frame);
  CHECK(other.allocate(kFrame) == frame);
  void* const second = one.allocate(kFrame);  // it has the buffer already
  CHECK(second != frame);
  std::memset(frame, 5, kFrame);
  void* const moved = one.reallocate(frame, 2 * kFrame);
  REQUIRE(moved != frame);
  CHECK(static_cast<char*>(moved)[kFrame - 1] == 5);
  one.release(second);
  CHECK(one.allocate(kFrame) == frame);  // it was given back when it moved
  for (void* const block : {small, large, moved}) one.release(block);
}

}  // namespace sluice
