// See shortage.hpp. All memory comes from malloc, so that a sanitizer detects leaks and use after free.
#include "tests/memory/shortage.hpp"

#include <malloc.h>
#include <openssl/base.h>

#include <cstdlib>
#include <new>

namespace sluice::test {
namespace {

thread_local int depth = 0;
std::size_t count = 0;
std::size_t fail_at = 0;  // 0: never
std::size_t fail_again_at = 0;
bool goes_on = false;
std::size_t failed = 0;
std::size_t by_boringssl = 0;

bool refuse() {
  if (depth == 0 || fail_at == 0) return false;
  ++count;
  if (count < fail_at || (count > fail_at && count != fail_again_at && !goes_on)) return false;
  ++failed;
  return true;
}

void* take(std::size_t bytes) { return refuse() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }

void* take(std::size_t bytes, std::size_t alignment) {
  if (refuse()) return nullptr;
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void note_boringssl() {
  if (depth != 0 && fail_at != 0) ++by_boringssl;
}

}  // namespace

void run_short(std::size_t nth, Shortage kind, std::size_t again) {
  count = 0;
  failed = 0;
  by_boringssl = 0;
  goes_on = kind == Shortage::from_then_on;
  fail_at = nth;
  fail_again_at = again == 0 ? 0 : nth + again;
}

void relieve() { fail_at = 0; }
bool ran_short() { return failed != 0; }
std::size_t refused() { return failed; }
std::size_t allocations() { return count; }
std::size_t allocations_of_boringssl() { return by_boringssl; }

Watched::Watched() { ++depth; }
Watched::~Watched() { --depth; }
Unwatched::Unwatched() : depth_(depth) { depth = 0; }
Unwatched::~Unwatched() { depth = depth_; }

void* shortage_malloc(std::size_t bytes) { return take(bytes); }
void* shortage_realloc(void* old, std::size_t bytes) { return refuse() ? nullptr : std::realloc(old, bytes); }
void shortage_free(void* memory) { std::free(memory); }

}  // namespace sluice::test

using sluice::test::or_throw;
using sluice::test::take;

void* operator new(std::size_t bytes) { return or_throw(take(bytes)); }
void* operator new[](std::size_t bytes) { return or_throw(take(bytes)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes); }
void* operator new(std::size_t bytes, std::align_val_t at) { return or_throw(take(bytes, std::size_t(at))); }
void* operator new[](std::size_t bytes, std::align_val_t at) { return or_throw(take(bytes, std::size_t(at))); }
void* operator new(std::size_t bytes, std::align_val_t at, const std::nothrow_t&) noexcept {
  return take(bytes, std::size_t(at));
}
void* operator new[](std::size_t bytes, std::align_val_t at, const std::nothrow_t&) noexcept {
  return take(bytes, std::size_t(at));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

// BoringSSL takes these instead of malloc where an executable has them (openssl/mem.h), under the names that
// openssl/base.h gives them.
extern "C" {
void* OPENSSL_memory_alloc(std::size_t bytes);
void OPENSSL_memory_free(void* memory);
std::size_t OPENSSL_memory_get_size(void* memory);

void* OPENSSL_memory_alloc(std::size_t bytes) {
  sluice::test::note_boringssl();
  return take(bytes);
}
void OPENSSL_memory_free(void* memory) { std::free(memory); }
std::size_t OPENSSL_memory_get_size(void* memory) { return malloc_usable_size(memory); }
}
