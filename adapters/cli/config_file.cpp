// See config_file.hpp. Parses one line at a time.
#include "adapters/cli/config_file.hpp"

#include "adapters/cli/text.hpp"

namespace sluice::cli {

namespace {

std::string_view without_leading_space(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

char unescaped(char c) {
  switch (c) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

// `rest` begins after the opening quote; on return, after the closing one. nullopt: there is no closing quote.
std::optional<std::string> quoted(std::string_view& rest) {
  std::string value;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return value;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      value += unescaped(rest[++i]);
    } else {
      value += rest[i];
    }
  }
  return std::nullopt;
}

std::string_view take_word(std::string_view& rest) {
  std::size_t end = 0;
  while (end < rest.size() && !is_space(rest[end])) ++end;
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// nullptr, or what is wrong.
const char* parse_line(std::string_view line, ConfigLine& out) {
  const bool dashed = line.starts_with('-');
  const auto separates = [dashed](char c) { return is_space(c) || (!dashed && (c == '=' || c == ':')); };
  std::size_t end = 0;
  while (end < line.size() && !separates(line[end])) ++end;
  out.option = (dashed ? "" : "--") + std::string(line.substr(0, end));
  line.remove_prefix(end);
  while (!line.empty() && separates(line.front())) line.remove_prefix(1);
  if (line.empty() || line.front() == '#') return nullptr;
  if (line.front() == '"') {
    line.remove_prefix(1);
    out.value = quoted(line);
    if (!out.value) return "the quote is not closed";
  } else {
    out.value = take_word(line);
  }
  line = without_leading_space(line);
  return line.empty() || line.front() == '#' ? nullptr : "text after the value: a value with spaces must be quoted";
}

}  // namespace

std::expected<std::vector<ConfigLine>, UsageError> parse_config(std::string_view text, std::string_view name) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = without_leading_space(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    ConfigLine parsed;
    parsed.number = number;
    if (const char* wrong = parse_line(line, parsed)) {
      return std::unexpected(UsageError{2, printable(name) + ":" + std::to_string(number) + ": " + wrong});
    }
    lines.push_back(std::move(parsed));
  }
  return lines;
}

}  // namespace sluice::cli
