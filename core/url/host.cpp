// See host.hpp.
#include "core/url/host.hpp"

#include <algorithm>
#include <optional>

#include "core/address.hpp"
#include "core/base/ascii.hpp"
#include "core/url/idn.hpp"
#include "core/url/percent.hpp"

namespace sluice::url {
namespace {

constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxNameBytes = 253;

// Some resolvers (inet_aton) take such names for addresses, others do not.
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.starts_with("0x") && std::all_of(last.begin() + 2, last.end(), is_hex_digit);
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

Reason bad_character(bool encoded) {
  return encoded ? "holds a percent-encoded byte that no host may hold" : "holds a character that no host may hold";
}

// A name with bytes beyond ASCII. The result of IDNA is looked at like any other name: characters that are mapped to
// '/' or '@' are refused.
std::expected<HostKind, Reason> append_international(std::string& out, std::string_view raw) {
  std::string name;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool encoded = raw[i] == '%';
    const std::optional<char> c = encoded ? triplet_at(raw, i) : raw[i];
    if (!c) return std::unexpected(Reason("holds a '%' that is not followed by two hex digits"));
    if (static_cast<unsigned char>(*c) < 0x80 && !is_name_char(*c)) return std::unexpected(bad_character(encoded));
    if (encoded) i += 2;
    name += *c;
  }
  const auto ascii = to_ascii(name);
  if (!ascii) return std::unexpected(ascii.error());
  return append_host(out, *ascii);
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
      if (static_cast<unsigned char>(c) < 0x80) return std::unexpected(bad_character(encoded));
      out.resize(begin);
      return append_international(out, raw);
    }
    out += to_lower(c);
  }
  // A final dot is the DNS root (RFC 3986 3.2.2): it tells a resolver that the name is complete, so a name
  // keeps it. An address has none.
  std::string_view name = std::string_view(out).substr(begin);
  const bool final_dot = name.ends_with('.');
  if (final_dot) name.remove_suffix(1);
  if (name.empty()) return std::unexpected(Reason("is empty"));
  if (const auto reason = check_labels(name)) return std::unexpected(*reason);
  if (!ends_in_number(name)) return HostKind::name;
  if (!IpAddress::parse(name)) {
    return std::unexpected(
        Reason("ends in a number but is no IPv4 address of four decimal parts without leading zeros"));
  }
  if (final_dot) out.pop_back();
  return HostKind::ipv4;  // no name has a colon
}

std::expected<void, Reason> append_ipv6(std::string& out, std::string_view raw) {
  const std::optional<IpAddress> address = IpAddress::parse(raw);
  if (!address || address->kind != IpAddress::Kind::ipv6) return std::unexpected(Reason("is no IPv6 address"));
  out += address->to_string();
  return {};
}

}  // namespace sluice::url
