// Coded bodies, made by the real encoders: gzip, deflate, br and zstd. Only where their libraries are (meson.build:
// can_code).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::test {

std::string gzip(std::string_view text, int level = 6);
std::string zlib_wrapped(std::string_view text, int level = 6);  // deflate as RFC 9110 8.4.1.2 has it
std::string bare_deflate(std::string_view text, int level = 6);  // RFC 1951 without a wrapper
// `window_bits`: 10 to 24.
std::string brotli(std::string_view text, int quality = 5, int window_bits = 22);
// One frame with a checksum. `window_log`: 0 is the encoder's choice.
std::string zstd(std::string_view text, int level = 3, int window_log = 0);
std::string zstd_without_checksum(std::string_view text);

}  // namespace sluice::test
