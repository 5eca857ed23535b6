// The text of --trace and --trace-ascii, in curl's format. Pure functions. Leaves to others: what is told, and where it
// is written (trace_log).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

enum class TraceForm : std::uint8_t {
  hex,    // 16 bytes on a line, as hexadecimal digits and as text
  ascii,  // text only, 64 bytes on a line, or up to a CRLF
};

// "TITLE, 5 bytes (0x5)", then lines of the bytes with their offset. Bytes that are no visible ASCII are shown as '.'.
std::string trace_dump(std::string_view title, std::string_view bytes, TraceForm form);

// --trace-ids: "[0-1] ", numbers of the transfer and of its connection; "[0-x] " without one.
std::string trace_ids(std::int64_t transfer, std::optional<std::int64_t> connection);

// `prefix` before each line of the text, which ends with a line end.
std::string prefix_lines(std::string_view prefix, std::string_view text);

}  // namespace sluice::cli
