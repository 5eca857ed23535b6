// Puts an exception that code of the application's has thrown into words.
#pragma once

#include <exception>
#include <string>

namespace sluice::multi {

// Inside a catch block only. For "its transport threw an exception: no thread". May throw std::bad_alloc.
inline std::string what_was_thrown() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return std::string(" threw an exception: ") + thrown.what();
  } catch (...) {
    return " threw an exception";
  }
}

}  // namespace sluice::multi
