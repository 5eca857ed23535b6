// See redaction.hpp.
#include "core/redaction.hpp"

#include <algorithm>
#include <cstddef>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice {

bool is_credential(std::string_view name) {
  name = trim_blanks(name);
  return equals_ignoring_case(name, "authorization") || equals_ignoring_case(name, "proxy-authorization") ||
         equals_ignoring_case(name, "cookie") || equals_ignoring_case(name, "set-cookie");
}

std::string redacted_value(std::string_view name, std::string_view value) {
  name = trim_blanks(name);
  if (!is_credential(name)) return std::string(value);
  if (equals_ignoring_case(name, "cookie")) return std::string(kRedacted);
  std::size_t kept = 0;
  if (equals_ignoring_case(name, "set-cookie")) {
    // A cookie may have no name (RFC 6265bis 5.6): then the whole pair is its value.
    kept = value.substr(0, value.find(';')).find('=') + 1;
  } else {
    kept = value.find(' ') + 1;  // the scheme
  }
  return std::string(value.substr(0, kept)) + std::string(kRedacted);
}

std::string redacted_head(std::string_view head) {
  std::string out;
  bool is_first = true;
  bool is_secret = false;  // whether a folded line continues a field that holds credentials
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    const std::string_view line = head.substr(0, head.substr(0, end).find_last_not_of("\r\n") + 1);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, std::min(colon, line.size()));
    const bool continues = line.starts_with(' ') || line.starts_with('\t');
    if (!continues) is_secret = !is_first && colon != std::string_view::npos && is_credential(name);
    if (is_secret && continues) {
      out += kRedacted;
    } else if (is_secret) {
      out += std::string(name) + ": " + redacted_value(name, trim_blanks(line.substr(colon + 1)));
    } else {
      out += is_first ? std::string(line) : without_userinfo(line);
    }
    out += head.substr(line.size(), end - line.size());
    head.remove_prefix(end);
    is_first = false;
  }
  return out;
}

std::string without_userinfo(std::string_view text) {
  // None of these may be in an authority (RFC 3986 3.2), so a URL in other text ends there at the latest.
  constexpr std::string_view kEnds = "/\\?# \t\"<>";
  std::string out;
  for (std::size_t begin = text.find("//"); begin != std::string_view::npos; begin = text.find("//")) {
    out += text.substr(0, begin + 2);
    text.remove_prefix(begin + 2);
    const std::size_t at = text.substr(0, text.find_first_of(kEnds)).rfind('@');
    if (at != std::string_view::npos) text.remove_prefix(at + 1);
  }
  out += text;
  return out;
}

}  // namespace sluice
