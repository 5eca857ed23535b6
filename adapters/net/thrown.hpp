// The text of an exception that the application's code has thrown.
#pragma once

#include <exception>
#include <string>

namespace sluice::net {

// Only inside a catch block. For messages such as "its transport threw an exception: no thread". May throw
// std::bad_alloc.
inline std::string what_was_thrown() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return std::string(" threw an exception: ") + thrown.what();
  } catch (...) {
    return " threw an exception";
  }
}

}  // namespace sluice::net
