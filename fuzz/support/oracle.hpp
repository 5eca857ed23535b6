// Checks of the fuzz targets: if one fails, a line is printed and the process stops, so that libFuzzer keeps the input
// and a replay fails. Always on. And the verdict of an input that violates nothing.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "core/error.hpp"

#define FUZZ_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::sluice::fuzz::broken(#expression, "", __FILE__, __LINE__))
// With a text to print after it.
#define FUZZ_CHECK_SAYING(expression, text) \
  ((expression) ? static_cast<void>(0) : ::sluice::fuzz::broken(#expression, (text), __FILE__, __LINE__))

namespace sluice::fuzz {

// The verdict about the last input: a word, and after a dash the reason. A replay compares it with the ending of the
// file's name (replay.cpp).
inline std::string last_verdict;
inline std::string verdict_of(std::string_view word, Code code) {
  return std::string(word).append("-").append(to_string(code));
}

// What the inputs of a corpus must reach together, and how often they did. A replay of all inputs fails if a count is
// 0.
inline std::map<std::string_view, std::size_t>& sights() {
  static std::map<std::string_view, std::size_t> all;
  return all;
}
inline bool must_be_seen(std::initializer_list<std::string_view> whats) {
  for (const std::string_view what : whats) sights()[what] = 0;
  return true;
}
inline void saw(std::string_view what) { ++sights()[what]; }

[[noreturn]] inline void broken(const char* expression, std::string_view text, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken: %s %.*s\n", file, line, expression, static_cast<int>(text.size()), text.data());
  std::abort();
}

// Escaped as in JSON, for messages.
inline std::string shown(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes.substr(0, 400)) {
    const auto byte = static_cast<unsigned char>(c);
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, byte < 0x20 || byte >= 0x7f ? "\\x%02x" : "%c", byte);
    text += escaped;
  }
  return text + "\"";
}

}  // namespace sluice::fuzz
