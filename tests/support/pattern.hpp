// Bytes that look random and are the same everywhere: what the origin server sends and what a test expects, without a
// copy of either.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::test {

inline constexpr std::size_t kMostPatternBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMostPatternStart = 1024 * 1024;

// `size` bytes that follow from `start`, valid for the life of the process. Both within the limits above.
std::string_view pattern(std::size_t size, std::size_t start);

}  // namespace sluice::test
