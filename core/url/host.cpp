// See host.hpp.
#include "core/url/host.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/url/percent.hpp"

namespace sluice::url {
namespace {

constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kGroups = 8;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// RFC 3986 3.2.2: four dec-octets, no leading zeros, nothing else.
std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint32_t value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && is_digit(text[digits])) {
      value = value * 10 + static_cast<std::uint32_t>(text[digits] - '0');
      ++digits;
    }
    if (digits == 0 || value > 255 || (digits > 1 && text.front() == '0')) return std::nullopt;
    address = address << 8 | value;
    text.remove_prefix(digits);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

// Some resolvers (inet_aton) take these for addresses and others for names.
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.starts_with("0x") && std::all_of(last.begin() + 2, last.end(), is_hex);
}

std::optional<Reason> check_labels(std::string_view name) {
  if (name.size() > kMaxNameBytes) return "is longer than 253 bytes";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (end == begin) return "has an empty label";
    if (end - begin > kMaxLabelBytes) return "has a label longer than 63 bytes";
    begin = end + 1;
  }
  return std::nullopt;
}

constexpr bool is_name_char(char c) { return is_in(c, kUnreserved) && c != '~'; }

void append_group(std::string& out, std::uint16_t value) {
  constexpr char kHex[] = "0123456789abcdef";
  bool begun = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const auto digit = static_cast<std::size_t>(value >> shift & 0xf);
    begun = begun || digit != 0 || shift == 0;
    if (begun) out += kHex[digit];
  }
}

using Groups = std::array<std::uint16_t, kGroups>;

// Reads groups separated by single colons, the last perhaps an IPv4 address. std::nullopt: bad, or more than `room`.
std::optional<std::size_t> read_groups(std::string_view text, std::uint16_t* groups, std::size_t room,
                                       bool may_end_in_ipv4) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, end);
    const bool last = end == text.size();
    if (last && may_end_in_ipv4 && group.find('.') != std::string_view::npos) {
      const std::optional<std::uint32_t> ipv4 = parse_ipv4(group);
      if (!ipv4 || count + 2 > room) return std::nullopt;
      groups[count++] = static_cast<std::uint16_t>(*ipv4 >> 16);
      groups[count++] = static_cast<std::uint16_t>(*ipv4 & 0xffff);
      return count;
    }
    if (group.empty() || group.size() > 4 || count == room) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : group) {
      if (!is_hex(c)) return std::nullopt;
      value = value * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10);
    }
    groups[count++] = static_cast<std::uint16_t>(value);
    if (last) return count;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;  // a single colon at the end
  }
  return count;
}

std::optional<Groups> parse_ipv6(std::string_view text) {
  Groups groups{};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto count = read_groups(text, groups.data(), kGroups, true);
    if (!count || *count != kGroups) return std::nullopt;
    return groups;
  }
  Groups tail{};
  const auto before = read_groups(text.substr(0, gap), groups.data(), kGroups - 1, false);
  if (!before) return std::nullopt;
  // "::" stands for at least one group; a second one leaves an empty group, which is refused.
  const auto after = read_groups(text.substr(gap + 2), tail.data(), kGroups - 1 - *before, true);
  if (!after) return std::nullopt;
  const auto count = static_cast<std::ptrdiff_t>(*after);
  std::copy(tail.begin(), tail.begin() + count, groups.end() - count);
  return groups;
}

struct Run {
  std::size_t begin = kGroups;
  std::size_t size = 0;
};

// RFC 5952 4.2: the longest run of zeros, at least two, the first of equals.
Run longest_zero_run(const Groups& groups) {
  Run best;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - i > std::max<std::size_t>(best.size, 1)) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

}  // namespace

std::expected<HostKind, Reason> append_host(std::string& out, std::string_view raw) {
  const std::size_t begin = out.size();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    const bool encoded = c == '%';
    if (encoded) {
      const std::optional<char> decoded = triplet_at(raw, i);
      if (!decoded) return std::unexpected(Reason("holds a '%' that is not followed by two hex digits"));
      c = *decoded;
      i += 2;
    }
    if (!is_name_char(c)) {
      if (static_cast<unsigned char>(c) >= 0x80) {
        return std::unexpected(Reason("holds bytes that are not ASCII (write it in its xn-- form)"));
      }
      return std::unexpected(Reason(encoded ? "holds a percent-encoded byte that no host may hold"
                                            : "holds a character that no host may hold"));
    }
    out += to_lower(c);
  }
  // A final dot is the root's (RFC 3986 3.2.2): it tells a resolver that the name is whole, so it stays. An address has none.
  std::string_view name = std::string_view(out).substr(begin);
  const bool final_dot = name.ends_with('.');
  if (final_dot) name.remove_suffix(1);
  if (name.empty()) return std::unexpected(Reason("is empty"));
  if (const auto reason = check_labels(name)) return std::unexpected(*reason);
  if (parse_ipv4(name)) {
    if (final_dot) out.pop_back();
    return HostKind::ipv4;
  }
  if (ends_in_number(name)) {
    return std::unexpected(
        Reason("ends in a number but is no IPv4 address of four decimal parts without leading zeros"));
  }
  return HostKind::name;
}

std::expected<void, Reason> append_ipv6(std::string& out, std::string_view raw) {
  const std::optional<Groups> groups = parse_ipv6(raw);
  if (!groups) return std::unexpected(Reason("is no IPv6 address"));
  const Groups& g = *groups;
  if (std::all_of(g.begin(), g.begin() + 5, [](std::uint16_t group) { return group == 0; }) && g[5] == 0xffff) {
    out += "::ffff:";  // RFC 5952 5: an IPv4-mapped address is written with its IPv4 part in decimals
    const std::uint32_t address = static_cast<std::uint32_t>(g[6]) << 16 | g[7];
    for (int shift = 24; shift >= 0; shift -= 8) {
      out += std::to_string(address >> shift & 0xff);
      if (shift > 0) out += '.';
    }
    return {};
  }
  const Run gap = longest_zero_run(g);
  for (std::size_t i = 0; i < kGroups;) {
    if (i == gap.begin) {
      out += "::";
      i += gap.size;
      continue;
    }
    if (i > 0 && i != gap.begin + gap.size) out += ':';
    append_group(out, g[i]);
    ++i;
  }
  return {};
}

}  // namespace sluice::url
