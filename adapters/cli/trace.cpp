// See trace.hpp.
#include "adapters/cli/trace.hpp"

#include <algorithm>
#include <cstddef>

#include "core/base/ascii.hpp"

namespace sluice::cli {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::string hex_number(std::size_t number) {
  std::string digits;
  do {
    digits += kHexDigits[number % 16];
    number /= 16;
  } while (number != 0);
  std::ranges::reverse(digits);
  return digits;
}

void append_visible(std::string& out, std::string_view bytes) {
  for (const char c : bytes) out += c >= 0x20 && c < 0x7f ? c : '.';
}

}  // namespace

std::string trace_dump(std::string_view title, std::string_view bytes, TraceForm form) {
  const bool is_ascii = form == TraceForm::ascii;
  const std::size_t width = is_ascii ? 64 : 16;
  std::string out(title);
  out += ", " + std::to_string(bytes.size()) + " bytes (0x" + hex_number(bytes.size()) + ")\n";
  for (std::size_t at = 0; at < bytes.size();) {
    std::string_view line = bytes.substr(at, width);
    if (is_ascii) line = line.substr(0, bytes.substr(at, width + 1).find(kLineEnd));
    const std::string offset = hex_number(at);
    out.append(offset.size() < 4 ? 4 - offset.size() : 0, '0');
    out += offset + ": ";
    at += line.size();
    if (is_ascii && bytes.substr(at).starts_with(kLineEnd)) at += kLineEnd.size();
    for (std::size_t i = 0; !is_ascii && i < width; ++i) {
      if (i < line.size()) append_hex(out, line[i]);
      out.append(i < line.size() ? 1 : 3, ' ');
    }
    append_visible(out, line);
    out += '\n';
  }
  return out;
}

std::string trace_ids(std::int64_t transfer, std::optional<std::int64_t> connection) {
  return "[" + std::to_string(transfer) + "-" + (connection ? std::to_string(*connection) : "x") + "] ";
}

std::string prefix_lines(std::string_view prefix, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out += prefix;
    out += text.substr(0, end);
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace sluice::cli
