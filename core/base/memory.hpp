// The only place in core/ that catches std::bad_alloc, so that each shortage of memory is handled in the same way. What
// is caught is a whole step, as a call or a fact that entered. What is done then is the caller's decision.
#pragma once

#include <new>

#include "core/error.hpp"

namespace sluice {

// False: there was no memory for it. What it had changed by then stays.
template <class Step>
bool has_memory_for(Step step) {
  try {
    step();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

// What `make` answers, a Result; or the error out_of_memory.
template <class Make>
auto or_out_of_memory(Make make) -> decltype(make()) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
}

}  // namespace sluice
