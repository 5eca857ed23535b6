// See url_encode_option.hpp.
#include "adapters/cli/url_encode_option.hpp"

#include <utility>

#include "core/base/ascii.hpp"

namespace sluice::cli {

namespace {

constexpr bool is_unreserved(char c) {
  const char lower = to_lower(c);
  return is_digit(c) || (lower >= 'a' && lower <= 'z') || std::string_view("-._~").find(c) != std::string_view::npos;
}

}  // namespace

std::string form_encoded(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (is_unreserved(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      append_hex(out, c, kUpperHexDigits);
    }
  }
  return out;
}

std::expected<std::string, UsageError> url_encode_data(std::string_view value, const ReadFile& read_file) {
  std::size_t mark = value.find('=');
  if (mark == std::string_view::npos) mark = value.find('@');
  if (mark == std::string_view::npos) return form_encoded(value);
  const std::string_view name = value.substr(0, mark);
  std::string content(value.substr(mark + 1));
  if (value[mark] == '@') {
    auto file = read_file(content);
    if (!file || file->empty()) return file;
    content = *std::move(file);
  }
  return (name.empty() ? "" : std::string(name) + '=') + form_encoded(content);
}

std::expected<std::string, UsageError> url_encode_query(std::string_view value, const ReadFile& read_file) {
  if (value.starts_with('+')) return std::string(value.substr(1));
  return url_encode_data(value, read_file);
}

}  // namespace sluice::cli
