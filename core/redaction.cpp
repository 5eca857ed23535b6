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

namespace {

// How much of the value is the name of a scheme and the blank after it. Another first word may be the secret itself.
std::size_t scheme_bytes(std::string_view value) {
  constexpr std::string_view kSchemes[] = {"basic", "bearer", "digest", "negotiate", "ntlm", "aws4-hmac-sha256"};
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos) return 0;
  const auto is_first = [&](std::string_view scheme) { return equals_ignoring_case(value.substr(0, blank), scheme); };
  return std::ranges::any_of(kSchemes, is_first) ? blank + 1 : 0;
}

}  // namespace

std::string redacted_value(std::string_view name, std::string_view value) {
  name = trim_blanks(name);
  if (!is_credential(name)) return std::string(value);
  if (equals_ignoring_case(name, "cookie")) return std::string(kRedacted);
  std::size_t kept = 0;
  if (equals_ignoring_case(name, "set-cookie")) {
    // A cookie may have no name (RFC 6265bis 5.6): then the whole pair is its value.
    kept = value.substr(0, value.find(';')).find('=') + 1;
  } else {
    kept = scheme_bytes(value);
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

namespace {

bool is_slash(char c) { return c == '/' || c == '\\'; }

// How much of the beginning of the text introduces an authority: "//", "http:", also as browsers read them ("\\\\",
// "http:/", "HTTP:\\"). 0: it does not begin with one.
std::size_t introduction(std::string_view text) {
  std::size_t size = 0;
  for (const std::string_view scheme : {"http:", "https:"}) {
    if (equals_ignoring_case(text.substr(0, scheme.size()), scheme)) size = scheme.size();
  }
  const std::size_t end = std::min(text.size(), text.find_first_not_of("/\\", size));
  return size > 0 || (end >= 2 && is_slash(text[0])) ? end : 0;
}

}  // namespace

std::string without_userinfo(std::string_view text) {
  // None of these may be in userinfo, so a URL in other text ends there at the latest. Others may not be either (RFC
  // 3986 3.2.1), but servers send them, and they are followed.
  constexpr std::string_view kEnds = "/\\?# \t";
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = introduction(text);
    out += text.substr(0, std::max<std::size_t>(begin, 1));
    text.remove_prefix(std::max<std::size_t>(begin, 1));
    if (begin == 0) continue;
    const std::size_t at = text.substr(0, text.find_first_of(kEnds)).rfind('@');
    if (at != std::string_view::npos) text.remove_prefix(at + 1);
  }
  return out;
}

}  // namespace sluice
