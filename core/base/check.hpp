// SLUICE_CHECK: always on; for bugs in sluice or in its caller. Never for what a peer or an application's data can
// cause. A failed check stops the process with one line on stderr, because the state cannot be trusted any more.
#pragma once

namespace sluice {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}

#define SLUICE_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::sluice::check_failed(#expression, __FILE__, __LINE__))
