// See content_disposition.hpp.
#include "core/content_disposition.hpp"

#include <algorithm>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/utf8.hpp"
#include "core/fields.hpp"
#include "core/url.hpp"

namespace sluice {
namespace {

// Removes a quoted string (RFC 9110 5.6.4) from the front of the text, which begins with its quote; one that does not
// end goes up to the end of the text.
std::string take_quoted(std::string_view& text) {
  std::string value;
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return value;
}

// Removes the text up to the next ';' from the front, and the ';'.
std::string_view take_rest(std::string_view& text) {
  const std::size_t end = std::min(text.find(';'), text.size());
  const std::string_view rest = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trim_blanks(rest);
}

struct Parameter {
  std::string_view name;
  std::string value;
};

// Removes a parameter from the front of the text, and the ';' after it. The disposition type is one without a value.
Parameter take_parameter(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of("=;"), text.size());
  Parameter parameter{trim_blanks(text.substr(0, end)), {}};
  const bool has_value = end < text.size() && text[end] == '=';
  text.remove_prefix(std::min(end + 1, text.size()));
  if (!has_value) return parameter;
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (text.starts_with('"')) {
    parameter.value = take_quoted(text);
    take_rest(text);
  } else {
    parameter.value = take_rest(text);
  }
  return parameter;
}

std::string utf8_from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | byte >> 6);
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

// The text of an extended value (RFC 8187 3.2.1), which should be UTF-8. nullopt: it cannot be decoded.
std::optional<std::string> decode_extended(std::string_view value) {
  const std::size_t charset_end = value.find('\'');
  if (charset_end == std::string_view::npos) return std::nullopt;
  const std::size_t language_end = value.find('\'', charset_end + 1);
  if (language_end == std::string_view::npos) return std::nullopt;
  const std::string_view charset = value.substr(0, charset_end);
  std::optional<std::string> text = percent_decode(value.substr(language_end + 1));
  if (text && equals_ignoring_case(charset, "ISO-8859-1")) return utf8_from_latin1(*text);
  return equals_ignoring_case(charset, "UTF-8") ? text : std::nullopt;
}

// Controls; U+2028 to U+202E and U+2066 to U+2069 end lines or turn text round: "txt.exe" then looks like "exe.txt".
bool is_unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// nullopt: the text is not valid UTF-8.
std::optional<std::string> without_unsafe(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const std::optional<char32_t> c = take_utf8(text);
    if (!c) return std::nullopt;
    out.append(is_unsafe(*c) ? "_" : before.substr(0, before.size() - text.size()));
  }
  return out;
}

// The longest beginning of the text that has at most `most` bytes and only whole characters. The text is longer.
std::string_view cut(std::string_view text, std::size_t most) {
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80) --most;
  return text.substr(0, most);
}

std::string shortened(std::string_view name) {
  if (name.size() <= kMaxFileNameBytes) return std::string(name);
  constexpr std::size_t kMaxExtensionBytes = 32;  // a longer one is not worth keeping
  const std::size_t dot = name.rfind('.');
  std::string_view extension;
  if (dot != std::string_view::npos && name.size() - dot <= kMaxExtensionBytes) extension = name.substr(dot);
  return std::string(trim_blanks(cut(name, kMaxFileNameBytes - extension.size()))).append(extension);
}

// nullopt: the text is not valid UTF-8, or no name is left of it.
std::optional<std::string> safe_name(std::string_view text) {
  const std::size_t separator = text.find_last_of("/\\");  // npos + 1 is 0
  const std::optional<std::string> name = without_unsafe(trim_blanks(text.substr(separator + 1)));
  if (!name || name->empty() || *name == "." || *name == "..") return std::nullopt;
  return shortened(*name);
}

}  // namespace

std::optional<std::string> suggested_file_name(std::string_view content_disposition) {
  std::string extended, plain;
  while (!content_disposition.empty()) {
    Parameter parameter = take_parameter(content_disposition);
    if (extended.empty() && equals_ignoring_case(parameter.name, "filename*")) extended = std::move(parameter.value);
    if (plain.empty() && equals_ignoring_case(parameter.name, "filename")) plain = std::move(parameter.value);
  }
  if (const std::optional<std::string> decoded = decode_extended(extended)) {
    if (std::optional<std::string> name = safe_name(*decoded)) return name;
  }
  std::optional<std::string> name = safe_name(plain);
  return name ? name : safe_name(utf8_from_latin1(plain));
}

}  // namespace sluice
