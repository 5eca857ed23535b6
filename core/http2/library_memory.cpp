// See library_memory.hpp. Each block has its size and its place in a list before it: 24 bytes, which leave no gap where
// an allocator has 8 bytes of its own and aligns to 16.
#include "core/http2/library_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

namespace sluice::http2 {

namespace {

constexpr std::size_t kFrameBytes = 16 * 1024;      // the frame buffer is larger, and nothing else is as large
constexpr std::size_t kMaxSpareBytes = 128 * 1024;  // what is freed beyond that is given back at once
constexpr std::size_t kKeptSpareBytes = 1'280;      // by an idle connection: enough for one request

}  // namespace

struct LibraryMemory::Block {
  Block* previous = nullptr;
  Block* next = nullptr;
  std::size_t bytes = 0;
};

LibraryMemory::Block* LibraryMemory::block_of(void* memory) { return static_cast<Block*>(memory) - 1; }

std::byte* FrameBuffer::get() noexcept {
  if (!bytes_) bytes_.reset(new (std::nothrow) std::byte[kBytes]);
  return bytes_.get();
}

LibraryMemory::~LibraryMemory() {
  free_spares(0);
  while (first_ != nullptr) {
    Block* const block = first_;
    first_ = block->next;
    ::operator delete(block);
  }
}

// nullptr: it is not to be lent for this.
void* LibraryMemory::take_lent(std::size_t bytes) noexcept {
  if (lent_ == nullptr || in_lent_ != nullptr || bytes <= kFrameBytes || bytes > FrameBuffer::kBytes) return nullptr;
  return in_lent_ = lent_->get();
}

void* LibraryMemory::allocate(std::size_t bytes) noexcept {
  const std::size_t list = (std::max<std::size_t>(bytes, 1) - 1) / kStepBytes;
  const bool is_kept = list < kSizes;
  if (void* const lent = is_kept || refused_ ? nullptr : take_lent(bytes)) return lent;
  if (is_kept) bytes = (list + 1) * kStepBytes;
  void* memory = nullptr;
  if (is_kept && !refused_ && spares_[list] != nullptr) {
    memory = spares_[list];
    spares_[list] = spares_[list]->next;
    spare_bytes_ -= sizeof(Block) + bytes;
  } else if (!refused_ && bytes <= SIZE_MAX - sizeof(Block)) {
    memory = ::operator new(sizeof(Block) + bytes, std::nothrow);
  }
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
  const std::size_t had = block == in_lent_ ? FrameBuffer::kBytes : block_of(block)->bytes;
  std::memcpy(larger, block, std::min(had, bytes));
  release(block);
  return larger;
}

void LibraryMemory::release(void* memory) noexcept {
  if (memory == nullptr || refused_) return;
  if (memory == in_lent_) {
    in_lent_ = nullptr;
    return;
  }
  Block* const block = block_of(memory);
  (block->previous != nullptr ? block->previous->next : first_) = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
  const std::size_t list = block->bytes / kStepBytes - 1;
  if (block->bytes % kStepBytes != 0 || list >= kSizes || spare_bytes_ >= kMaxSpareBytes) {
    ::operator delete(block);
    return;
  }
  block->next = spares_[list];
  spares_[list] = block;
  spare_bytes_ += sizeof(Block) + block->bytes;
}

void LibraryMemory::release_spares() noexcept { free_spares(kKeptSpareBytes); }

void LibraryMemory::free_spares(std::size_t most) noexcept {
  for (std::size_t list = kSizes; list-- > 0;) {
    while (spares_[list] != nullptr && spare_bytes_ > most) {
      Block* const block = spares_[list];
      spares_[list] = block->next;
      spare_bytes_ -= sizeof(Block) + block->bytes;
      ::operator delete(block);
    }
  }
}

}  // namespace sluice::http2
