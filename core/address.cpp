// See address.hpp. The text forms of addresses. Leaves interface names and sockets to adapters/net.
#include "core/address.hpp"

#include <cstddef>
#include <span>

#include "core/base/ascii.hpp"

namespace sluice {
namespace {

// RFC 3986 3.2.2 dec-octet: no leading zeros, because some parsers read such numbers as octal.
bool parse_ipv4(std::string_view text, std::span<std::uint8_t, 4> out) {
  std::size_t at = 0;
  for (std::size_t octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (at == text.size() || text[at] != '.') return false;
      ++at;
    }
    unsigned value = 0;
    std::size_t digits = 0;
    while (at < text.size() && is_digit(text[at])) {
      if (++digits > 3 || (digits == 2 && value == 0)) return false;
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    if (digits == 0 || value > 255) return false;
    out[octet] = static_cast<std::uint8_t>(value);
  }
  return at == text.size();
}

// Reads one h16 (RFC 3986 3.2.2) at `at`. Returns the number of digits; 0: there is none.
std::size_t parse_group(std::string_view text, std::size_t at, unsigned& value) {
  value = 0;
  std::size_t digits = 0;
  while (at + digits < text.size() && digits < 5) {
    const int digit = hex_value(text[at + digits]);
    if (digit < 0) break;
    value = value * 16 + static_cast<unsigned>(digit);
    ++digits;
  }
  return digits;
}

// RFC 4291 2.2: eight groups, one "::" for one or more groups of zeros, a dotted quad for the last two.
bool parse_ipv6(std::string_view text, std::span<std::uint8_t, 16> out) {
  std::array<std::uint8_t, 16> bytes = {};
  std::size_t filled = 0;
  std::optional<std::size_t> gap;
  std::size_t at = 0;
  if (text.starts_with("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.size()) {
    if (filled == 16) return false;
    const std::string_view rest = text.substr(at);
    if (rest.find(':') == std::string_view::npos && rest.find('.') != std::string_view::npos) {
      if (filled > 12 || !parse_ipv4(rest, std::span(bytes).subspan(filled).first<4>())) return false;
      filled += 4;
      at = text.size();
      break;
    }
    unsigned value = 0;
    const std::size_t digits = parse_group(text, at, value);
    if (digits == 0 || digits > 4) return false;
    bytes[filled++] = static_cast<std::uint8_t>(value >> 8);
    bytes[filled++] = static_cast<std::uint8_t>(value & 0xff);
    at += digits;
    if (at == text.size()) break;
    if (text[at++] != ':' || at == text.size()) return false;
    if (text[at] == ':') {
      if (gap) return false;
      gap = filled;
      ++at;
    }
  }
  if (!gap ? filled != 16 : filled > 14) return false;
  const std::size_t head = gap.value_or(16);
  const std::size_t tail = filled - (gap ? head : filled);
  for (std::size_t i = 0; i < 16; ++i) out[i] = i < head ? bytes[i] : std::uint8_t{0};
  for (std::size_t i = 0; i < tail; ++i) out[16 - tail + i] = bytes[head + i];
  return true;
}

void append_ipv4(std::string& text, std::span<const std::uint8_t> octets) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) text += '.';
    text += std::to_string(static_cast<unsigned>(octets[i]));
  }
}

void append_group(std::string& text, unsigned group) {
  bool started = false;
  for (unsigned shift = 16; shift > 0;) {
    shift -= 4;
    const unsigned digit = (group >> shift) & 0xf;
    started = started || digit != 0 || shift == 0;
    if (started) text += kHexDigits[digit];
  }
}

struct Run {
  std::size_t begin = 8, size = 0;
  bool holds(std::size_t group) const { return group >= begin && group < begin + size; }
};

// RFC 5952 4.2: the first of the longest runs of zeros, if it is longer than one group.
Run longest_zero_run(const std::array<unsigned, 8>& groups) {
  Run best;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > 1 && end - i > best.size) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

std::string ipv6_to_string(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, 8> groups = {};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  const Run run = longest_zero_run(groups);
  std::string text;
  if (run.begin == 0 && run.size == 5 && groups[5] == 0xffff) {  // RFC 5952 5: IPv4-mapped
    text = "::ffff:";
    append_ipv4(text, std::span(bytes).subspan(12));
    return text;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    if (run.holds(i)) {
      if (i == run.begin) text += "::";
      continue;
    }
    if (i > 0 && !run.holds(i - 1)) text += ':';
    append_group(text, groups[i]);
  }
  return text;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view literal) {
  IpAddress address;
  if (parse_ipv4(literal, std::span(address.bytes).first<4>())) {
    address.kind = Kind::ipv4;
    return address;
  }
  address.bytes = {};  // a failed try may have set some
  if (parse_ipv6(literal, address.bytes)) {
    address.kind = Kind::ipv6;
    return address;
  }
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::string text;
  switch (kind) {
    case Kind::none:
      break;
    case Kind::ipv4:
      append_ipv4(text, bytes);
      break;
    case Kind::ipv6:
      text = ipv6_to_string(bytes);
      break;
  }
  return text;
}

std::string Address::to_string() const {
  std::string text;
  const bool brackets = ip.kind == IpAddress::Kind::ipv6;
  if (brackets) text += '[';
  text += ip.to_string();
  if (brackets && !ip.zone.empty()) text += '%' + ip.zone;
  if (brackets) text += ']';
  return text + ':' + std::to_string(port);
}

}  // namespace sluice
