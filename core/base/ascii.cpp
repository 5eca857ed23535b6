// See ascii.hpp.
#include "core/base/ascii.hpp"

#include <cstddef>

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

std::string one_line(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool is_c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    clean += byte < 0x20 || byte == 0x7f || is_c1 ? '?' : text[i];
    if (is_c1) ++i;
  }
  return clean;
}

}  // namespace sluice
