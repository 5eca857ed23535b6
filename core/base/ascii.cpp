// See ascii.hpp.
#include "core/base/ascii.hpp"

namespace sluice {

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

}  // namespace sluice
