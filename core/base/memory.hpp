// Catches std::bad_alloc, so that each shortage of memory is handled in the same way. Only TimerHeap::reserve and the
// callbacks of BoringSSL (core/tls/client.cpp) have a catch of their own. What is caught is a whole step, such as a
// call or a fact. What happens after a shortage is the caller's decision.
#pragma once

#include <new>

#include "core/error.hpp"

namespace sluice {

// Runs `step`. False: memory ran out; what the step had changed before stays changed.
template <class Step>
bool has_memory_for(Step step) {
  try {
    step();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

// Returns what `make` returns, a Result; if memory runs out, the error out_of_memory.
template <class Make>
auto or_out_of_memory(Make make) -> decltype(make()) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
}

}  // namespace sluice
