// See ascii.hpp.
#include "core/base/ascii.hpp"

namespace sluice {

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

std::string encode_spaces(std::string_view text) {
  std::string encoded;
  for (const char c : text) c == ' ' ? encoded.append("%20") : encoded.append(1, c);
  return encoded;
}

}  // namespace sluice
