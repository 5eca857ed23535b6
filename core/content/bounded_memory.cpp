// See bounded_memory.hpp. The size of each block is kept before it, since libraries do not say it when they release it.
#include "core/content/bounded_memory.hpp"

#include <cstring>
#include <new>

namespace sluice::content {
namespace {

constexpr std::size_t kHeaderBytes = alignof(std::max_align_t);
static_assert(kHeaderBytes >= sizeof(std::size_t));

}  // namespace

void* BoundedMemory::allocate(std::size_t bytes) noexcept {
  void* block = bytes <= limit_ - used_ ? ::operator new(kHeaderBytes + bytes, std::nothrow) : nullptr;
  if (block == nullptr) {
    refused_ = true;
    return nullptr;
  }
  used_ += bytes;
  std::memcpy(block, &bytes, sizeof bytes);
  return static_cast<std::byte*>(block) + kHeaderBytes;
}

void BoundedMemory::release(void* block) noexcept {
  if (block == nullptr) return;
  void* start = static_cast<std::byte*>(block) - kHeaderBytes;
  std::size_t bytes = 0;
  std::memcpy(&bytes, start, sizeof bytes);
  used_ -= bytes;
  ::operator delete(start);
}

void* BoundedMemory::allocate_in(void* self, std::size_t bytes) noexcept {
  return static_cast<BoundedMemory*>(self)->allocate(bytes);
}

void* BoundedMemory::allocate_array_in(void* self, unsigned count, unsigned bytes) noexcept {
  auto& memory = *static_cast<BoundedMemory*>(self);
  // More than the limit in any case, and not to be multiplied.
  const bool excessive = bytes != 0 && count > memory.limit_ / bytes;
  return memory.allocate(excessive ? memory.limit_ + 1 : std::size_t{count} * bytes);
}

void BoundedMemory::release_in(void* self, void* block) noexcept { static_cast<BoundedMemory*>(self)->release(block); }

}  // namespace sluice::content
