// See check.hpp. The C library's assertion function writes the line, so the core itself opens no stream.
#include "core/base/check.hpp"

#undef NDEBUG
#include <cassert>
#include <cstdlib>

namespace sluice {

void check_failed(const char* expression, const char* file, int line) noexcept {
#ifdef __GLIBC__
  __assert_fail(expression, file, static_cast<unsigned>(line), "sluice CHECK");
#else
  static_cast<void>(expression), static_cast<void>(file), static_cast<void>(line);
  std::abort();
#endif
}

}  // namespace sluice
