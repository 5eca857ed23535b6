// The texts of response fields that bear on framing, as the reader takes them apart. Knows no parser and no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http1 {

// Without blanks and tabs at either end (RFC 9110 5.5, OWS).
std::string_view trim(std::string_view text);
// Content-Length or Transfer-Encoding, with bytes before or after it that no name may hold.
bool hides_framing(std::string_view name);
// Digits and nothing else, below 2^64 (RFC 9110 8.6).
std::optional<std::uint64_t> decimal(std::string_view text);

}  // namespace sluice::http1
