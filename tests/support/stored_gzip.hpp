// A gzip file (RFC 1952) whose blocks are stored, not compressed (RFC 1951 3.2.4): a coded body for tests without an
// encoder's library.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::test {

inline std::uint32_t crc32_of(std::string_view text) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table = {};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      table[byte] = byte;
      for (int bit = 0; bit < 8; ++bit) table[byte] = (table[byte] >> 1) ^ ((table[byte] & 1) != 0 ? 0xedb88320U : 0);
    }
    return table;
  }();
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : text) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

inline std::string stored_gzip(std::string_view text) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const auto number = [&](std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  };
  std::string_view rest = text;
  do {
    const std::string_view block = rest.substr(0, 0xffff);
    rest.remove_prefix(block.size());
    out += rest.empty() ? '\1' : '\0';
    number(block.size(), 2);
    number(~block.size(), 2);
    out += block;
  } while (!rest.empty());
  number(crc32_of(text), 4);
  number(text.size(), 4);
  return out;
}

// The size of stored_gzip() of so many bytes.
inline std::size_t stored_gzip_bytes(std::size_t size) {
  const std::size_t blocks = std::max<std::size_t>(1, (size + 0xfffe) / 0xffff);
  return 10 + 5 * blocks + size + 8;
}

}  // namespace sluice::test
