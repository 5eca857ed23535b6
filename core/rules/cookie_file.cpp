// See cookie_file.hpp.
#include "core/rules/cookie_file.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice::rules {
namespace {

constexpr std::string_view kHttpOnly = "#HttpOnly_";

std::optional<bool> boolean(std::string_view text) {
  if (equals_ignoring_case(text, "TRUE")) return true;
  if (equals_ignoring_case(text, "FALSE")) return false;
  return std::nullopt;
}

// The fields between the tabs; nullopt: there are not six or seven. A seventh that is missing is empty.
std::optional<std::array<std::string_view, 7>> split(std::string_view line) {
  std::array<std::string_view, 7> fields{};
  std::size_t count = 0;
  for (std::size_t begin = 0; begin <= line.size(); ++count) {
    if (count == fields.size()) return std::nullopt;
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    fields[count] = line.substr(begin, end - begin);
    begin = end + 1;
  }
  if (count < 6) return std::nullopt;
  return fields;
}

std::string_view boolean_text(bool value) { return value ? "TRUE" : "FALSE"; }

}  // namespace

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) {
  return trim_blanks(line).empty() || (line.starts_with('#') && !line.starts_with(kHttpOnly));
}

std::optional<std::string_view> set_cookie_of(std::string_view line) {
  constexpr std::string_view kName = "Set-Cookie:";
  if (!equals_ignoring_case(line.substr(0, kName.size()), kName)) return std::nullopt;
  return line.substr(kName.size());
}

std::optional<Cookie> parse_cookie_line(std::string_view line) {
  const bool http_only = line.starts_with(kHttpOnly);
  if (http_only) line.remove_prefix(kHttpOnly.size());
  const auto fields = split(line);
  if (!fields) return std::nullopt;
  const auto& [domain, below, path, secure, expires, name, value] = *fields;
  const std::optional<bool> is_for_below = boolean(below), is_secure = boolean(secure);
  const std::optional<UnixSeconds> expiry = clamped_decimal(expires);
  if (!is_for_below || !is_secure || !expiry) return std::nullopt;
  Cookie cookie;
  cookie.name = trim_blanks(name);
  cookie.value = trim_blanks(value);
  cookie.domain = domain;
  cookie.path = path;
  if (*expiry != 0) cookie.expires = expiry;
  cookie.host_only = !*is_for_below;
  cookie.secure = *is_secure;
  cookie.http_only = http_only;
  return cookie;
}

bool append_cookie_line(std::string& out, const Cookie& cookie) {
  for (const std::string_view text :
       {std::string_view(cookie.path), std::string_view(cookie.name), std::string_view(cookie.value)}) {
    if (text.find('\t') != std::string_view::npos) return false;
  }
  if (cookie.expires && *cookie.expires <= 0) return false;  // 0 would be read as none
  if (cookie.http_only) out += kHttpOnly;
  if (!cookie.host_only) out += '.';
  out.append(cookie.domain).append("\t").append(boolean_text(!cookie.host_only)).append("\t");
  out.append(cookie.path).append("\t").append(boolean_text(cookie.secure)).append("\t");
  out.append(std::to_string(cookie.expires.value_or(0))).append("\t");
  out.append(cookie.name).append("\t").append(cookie.value).append("\n");
  return true;
}

}  // namespace sluice::rules
