// How urgent a transfer is for the server (RFC 9218). Leaves to others: sending it (core/engine, core/http2).
#pragma once

#include <cstdint>
#include <string>

#include "language.hpp"

namespace sluice {

// 0 is the most urgent, 7 the least. `incremental`: parts of the response are of use before all of
// it has come, so the server may send it beside others.
struct Priority {
  std::uint8_t urgency = 3;
  bool incremental = false;
  friend bool operator==(const Priority&, const Priority&) = default;
};

// The value of a Priority field (RFC 9218 5): "u=3", "u=1, i". Never needs memory of its own.
inline std::string priority_field(const Priority& priority) {
  std::string text = "u=0";
  text[2] = static_cast<char>('0' + (priority.urgency < 7 ? priority.urgency : 7));
  if (priority.incremental) text += ", i";
  return text;
}

}  // namespace sluice
