// See check.hpp. The C library's assertion hook writes the line, so that the core opens no stream of its own.
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
