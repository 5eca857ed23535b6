// Bytes that look random and are the same everywhere: the origin server sends them and tests expect them, without
// copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::test {

inline constexpr std::size_t kMostPatternBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMostPatternStart = 1024 * 1024;

// `size` bytes that depend on `start`, valid until the process ends. Both must be within the limits above.
inline std::string_view pattern(std::size_t size, std::size_t start) {
  static const std::string all = [] {
    std::string bytes(kMostPatternBytes + kMostPatternStart, '\0');
    std::uint64_t state = 0x9e37'79b9'7f4a'7c15;
    for (char& byte : bytes) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<char>(state >> 32);
    }
    return bytes;
  }();
  return std::string_view(all).substr(start, size);
}

}  // namespace sluice::test
