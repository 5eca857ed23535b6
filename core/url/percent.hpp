// Which bytes each part of a URL may hold (RFC 3986 appendix A), and percent-encoding.
// Leaves to others: where one part of a URL ends and the next begins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::url {

enum CharClass : std::uint8_t {
  kUnreserved = 1,
  kSubDelim = 2,
  kColon = 4,
  kAt = 8,
  kSlash = 16,
  kQuestion = 32,
};

inline constexpr std::uint8_t kUserinfoChars = kUnreserved | kSubDelim | kColon;
inline constexpr std::uint8_t kPathChars = kUserinfoChars | kAt | kSlash;
inline constexpr std::uint8_t kQueryChars = kPathChars | kQuestion;  // fragments too

consteval std::array<std::uint8_t, 256> make_char_classes() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < 0x80; ++i) {
    const char c = static_cast<char>(i);
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum || std::string_view("-._~").find(c) != std::string_view::npos) table[i] |= kUnreserved;
    if (std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos) table[i] |= kSubDelim;
    if (c == ':') table[i] |= kColon;
    if (c == '@') table[i] |= kAt;
    if (c == '/') table[i] |= kSlash;
    if (c == '?') table[i] |= kQuestion;
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kCharClasses = make_char_classes();

constexpr bool is_in(char c, std::uint8_t classes) {
  return (kCharClasses[static_cast<unsigned char>(c)] & classes) != 0;
}

// The byte that the triplet at `text[at]` encodes; text[at] must be a '%'. nullopt: there is no triplet.
std::optional<char> triplet_at(std::string_view text, std::size_t at);

// What to do with a '%' that begins no triplet.
enum class LonePercent : std::uint8_t { keep, encode };

// Appends `text` and percent-encodes every byte that is not in `allowed`. Triplets stay as written, because servers may
// sign or compare exactly these bytes. `lone` decides about a '%' that begins no triplet.
void append_encoded(std::string& out, std::string_view text, std::uint8_t allowed, LonePercent lone);

// Appends `text` with its triplets decoded. False: a '%' begins no triplet, or a decoded byte is not unreserved (RFC
// 3986 2.3); `out` may have changed.
bool append_unreserved(std::string& out, std::string_view text);

}  // namespace sluice::url
