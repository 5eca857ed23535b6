// ASCII letters and digits without a locale: conversion to lower case, hexadecimal digits, control bytes. Leaves to
// others what is made of them: URL triplets (url/percent.hpp), chunk sizes (http1), addresses (address.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

consteval std::array<char, 256> make_lower() {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<char>(static_cast<unsigned char>(i >= 'A' && i <= 'Z' ? i + ('a' - 'A') : i));
  }
  return table;
}
inline constexpr std::array<char, 256> kLower = make_lower();

// 'A' to 'Z' become 'a' to 'z'; every other byte is unchanged.
constexpr char to_lower(char c) { return kLower[static_cast<unsigned char>(c)]; }
std::string to_lower(std::string_view text);

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text without spaces and tabs at both ends (OWS, RFC 9110 5.6.3). A view into `text`.
constexpr std::string_view trim_blanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Whether a control byte, HTAB included, is in the text.
constexpr bool has_control(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

// Each space becomes "%20": servers send spaces in references, and clients encode them. Throws std::bad_alloc.
std::string encode_spaces(std::string_view text);

// One line for people: every control byte, and each of U+0080 to U+009F in UTF-8, becomes "?". Throws std::bad_alloc.
std::string one_line(std::string_view text);

inline constexpr std::string_view kHexDigits = "0123456789abcdef";
// RFC 3986 2.1 writes the digits of a triplet in upper case.
inline constexpr std::string_view kUpperHexDigits = "0123456789ABCDEF";

// 0 to 15; -1: `c` is not a hexadecimal digit.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
constexpr bool is_hex_digit(char c) { return hex_value(c) >= 0; }

// Appends the two digits of one byte.
inline void append_hex(std::string& out, char byte, std::string_view digits = kHexDigits) {
  const auto value = static_cast<unsigned char>(byte);
  out += digits[value >> 4];
  out += digits[value & 0xf];
}

}  // namespace sluice
