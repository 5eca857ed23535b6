// CHECK: always on, for bugs of ours or of an adapter. Never for what a peer or an application's data may cause.
// It stops the process with one line; there is no state worth going on with.
#pragma once

namespace sluice {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}

#define SLUICE_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::sluice::check_failed(#expression, __FILE__, __LINE__))
