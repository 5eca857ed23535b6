// See library_memory.hpp. Each block has its size and its place in a list before it.
#include "core/http2/library_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

namespace sluice::http2 {

struct alignas(std::max_align_t) LibraryMemory::Block {
  Block* previous = nullptr;
  Block* next = nullptr;
  std::size_t bytes = 0;
};

LibraryMemory::Block* LibraryMemory::block_of(void* memory) { return static_cast<Block*>(memory) - 1; }

LibraryMemory::~LibraryMemory() {
  while (first_ != nullptr) {
    Block* const block = first_;
    first_ = block->next;
    ::operator delete(block);
  }
}

void* LibraryMemory::allocate(std::size_t bytes) noexcept {
  void* const memory =
      refused_ || bytes > SIZE_MAX - sizeof(Block) ? nullptr : ::operator new(sizeof(Block) + bytes, std::nothrow);
  if (memory == nullptr) {
    refused_ = true;
    return nullptr;
  }
  auto* const block = new (memory) Block{.previous = nullptr, .next = first_, .bytes = bytes};
  if (first_ != nullptr) first_->previous = block;
  first_ = block;
  return block + 1;
}

void* LibraryMemory::reallocate(void* block, std::size_t bytes) noexcept {
  void* const larger = allocate(bytes);
  if (block == nullptr || larger == nullptr) return larger;
  std::memcpy(larger, block, std::min(block_of(block)->bytes, bytes));
  release(block);
  return larger;
}

void LibraryMemory::release(void* memory) noexcept {
  if (memory == nullptr || refused_) return;
  Block* const block = block_of(memory);
  (block->previous != nullptr ? block->previous->next : first_) = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
  ::operator delete(block);
}

}  // namespace sluice::http2
