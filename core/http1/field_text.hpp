// Helpers of the reader for the text of response fields that decide about framing. Pure functions. Leaves the decisions
// to the reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http1 {

// Whether the name is Content-Length or Transfer-Encoding, perhaps with bytes before or after it that no field name may
// hold.
bool hides_framing(std::string_view name);
// A number of digits only, below 2^64 (RFC 9110 8.6); else nullopt.
std::optional<std::uint64_t> decimal(std::string_view text);

}  // namespace sluice::http1
