// See variables.hpp.
#include "adapters/cli/variables.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include "adapters/cli/text.hpp"
#include "adapters/cli/write_out_json.hpp"
#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"
#include "core/url.hpp"

namespace sluice::cli {

namespace {

constexpr std::size_t kMostNameBytes = 127;  // as in curl
constexpr std::string_view kOpen = "{{", kClose = "}}";

bool is_name_byte(char c) { return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '_'; }

bool is_variable_name(std::string_view text) {
  return !text.empty() && text.size() <= kMostNameBytes && std::all_of(text.begin(), text.end(), is_name_byte);
}

std::optional<unsigned> base64_digit(char c) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = kDigits.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(at));
}

// RFC 4648 4, with its padding and nothing between the digits. nullopt: it is not that.
std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const auto digit = base64_digit(c);
    if (!digit) return std::nullopt;
    bits = ((bits << 6U) | *digit) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xffU);
  }
  return out;
}

// nullopt: there is no such function.
std::optional<std::string> applied(std::string_view function, const std::string& content) {
  if (function == "trim") return std::string(trimmed(content));
  if (function == "url") return percent_encode(content);
  if (function == "b64") return base64(content);
  if (function == "64dec") return base64_decoded(content).value_or("[64dec-fail]");  // curl's text
  if (function != "json") return std::nullopt;
  const std::string quoted = json_string(content);
  return quoted.substr(1, quoted.size() - 2);
}

std::optional<std::uint64_t> byte_position(std::string_view text) {
  std::uint64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(position) : std::nullopt;
}

// "0-99" or "100-". False: it is neither.
bool take_byte_range(std::string_view text, VariableSetting& setting) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto first = byte_position(text.substr(0, dash));
  const std::string_view last_text = text.substr(dash + 1);
  const auto last = last_text.empty() ? VariableSetting::kAll : byte_position(last_text);
  if (!first || !last || *last < *first) return false;
  setting.first = *first;
  if (*last - *first != VariableSetting::kAll && !last_text.empty()) setting.count = *last - *first + 1;
  return true;
}

}  // namespace

std::expected<VariableSetting, std::string> parse_variable(std::string_view text) {
  const std::string shown = "'" + printable(text.substr(0, text.find('='))) + "'";
  VariableSetting setting;
  setting.from_environment = text.starts_with('%');
  if (setting.from_environment) text.remove_prefix(1);
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_byte);
  setting.name = std::string(text.begin(), end);
  text.remove_prefix(setting.name.size());
  if (text.starts_with('[')) {
    const std::size_t close = std::min(text.find(']'), text.size());
    if (close == text.size() || !take_byte_range(text.substr(1, close - 1), setting)) {
      return std::unexpected(shown + " has no byte range like [0-99] or [100-]");
    }
    text.remove_prefix(std::min(close + 1, text.size()));
  }
  const bool ends_well = text.empty() ? setting.from_environment : text.front() == '=' || text.front() == '@';
  if (!is_variable_name(setting.name) || !ends_well) {
    return std::unexpected(shown + " is neither NAME=TEXT nor NAME@FILE, with letters, digits and '_' in the name");
  }
  if (text.empty()) return setting;
  setting.source = text.front() == '=' ? VariableSetting::Source::text : VariableSetting::Source::file;
  setting.value = text.substr(1);
  return setting;
}

std::expected<std::string, std::string> Variables::content(std::string_view name, std::string_view functions) const {
  const auto found = contents_.find(name);
  std::string value = found == contents_.end() ? std::string() : found->second;
  while (!functions.empty()) {
    functions.remove_prefix(1);  // the colon
    const std::string_view function = functions.substr(0, functions.find(':'));
    functions.remove_prefix(function.size());
    auto made = applied(function, value);
    if (!made) return std::unexpected("'" + printable(function) + "' is none of trim, json, url, b64 and 64dec");
    value = *std::move(made);
  }
  // Arguments end at a NUL, so curl cannot have one in a value either.
  if (value.find('\0') != std::string::npos) {
    return std::unexpected("the variable '" + std::string(name) +
                           "' has a NUL byte: it needs one of json, url and b64");
  }
  return value;
}

std::expected<Variables::Expanded, std::string> Variables::expand(std::string_view text) const {
  Expanded out;
  for (std::size_t open = text.find(kOpen); open != std::string_view::npos; open = text.find(kOpen)) {
    if (open > 0 && text[open - 1] == '\\') {
      out.text.append(text.substr(0, open - 1)).append(kOpen);
      text.remove_prefix(open + kOpen.size());
      continue;
    }
    const std::size_t close = text.find(kClose, open);
    if (close == std::string_view::npos) {
      out.warnings.emplace_back("a '{{' has no '}}' and stays as it is");
      break;
    }
    const std::string_view inside = text.substr(open + kOpen.size(), close - open - kOpen.size());
    const std::string_view name = inside.substr(0, inside.find(':'));
    out.text += text.substr(0, open);
    if (is_variable_name(name)) {
      auto value = content(name, inside.substr(name.size()));
      if (!value) return std::unexpected(std::move(value.error()));
      out.text += *value;
    } else {
      out.warnings.push_back("'{{" + printable(inside) + "}}' has no name of a variable and stays as it is");
      out.text.append(kOpen).append(inside).append(kClose);
    }
    text.remove_prefix(close + kClose.size());
  }
  out.text += text;
  return out;
}

}  // namespace sluice::cli
