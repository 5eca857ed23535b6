// See url.hpp. Here: URLs as people type them, and URLs with one part changed: another query or file name, no userinfo.
#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/base/memory.hpp"
#include "core/url.hpp"

namespace sluice {
namespace {

// Accepts more than RFC 3986 3.1, where a scheme begins with a letter, so that "1a:/b" is refused instead of "1a" being
// taken for a host.
bool has_scheme(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || !text.substr(colon + 1).starts_with('/')) return false;
  return std::ranges::all_of(text.substr(0, colon), [](char c) {
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

// ---- typed ----

Result<Url> Url::parse_typed(std::string_view text) {
  return or_out_of_memory([&]() -> Result<Url> {
    if (text.empty() || has_scheme(text)) return parse(text);
    return parse(std::string("http://").append(text));
  });
}

std::string typed_without_userinfo(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t begin = has_scheme(text) && text.substr(colon).starts_with("://") ? colon + 3 : 0;
  const std::size_t end = Url::parse_typed(text) ? text.find_first_of("/?#", begin) : std::string_view::npos;
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(text);
  return std::string(text.substr(0, begin)).append(text.substr(at + 1));
}

// ---- queries ----

std::string encode_parameters(std::span<const QueryParameter> parameters) {
  std::string text;
  for (const QueryParameter& one : parameters) {
    if (!text.empty()) text += '&';
    text.append(percent_encode(one.name)).append("=").append(percent_encode(one.value));
  }
  return text;
}

Result<Url> Url::with_query(std::string_view query) const {
  return or_out_of_memory([&]() -> Result<Url> {
    std::string text(part(0, path_end_));
    text += '?';
    for (const char c : query) {
      if (c == '#') {
        text += "%23";  // a '#' would begin the fragment
      } else {
        text += c;
      }
    }
    if (const auto after = fragment()) text.append("#").append(*after);
    return parse(text);
  });
}

Result<Url> Url::with_parameters(std::span<const QueryParameter> parameters) const {
  return or_out_of_memory([&]() -> Result<Url> { return with_more_query(encode_parameters(parameters)); });
}

Result<Url> Url::with_more_query(std::string_view more) const {
  return or_out_of_memory([&]() -> Result<Url> {
    if (more.empty()) return *this;
    std::string joined(query().value_or(std::string_view()));
    if (!joined.empty() && joined.back() != '&') joined += '&';
    return with_query(joined.append(more));
  });
}

// ---- other parts ----

std::string_view Url::file_name() const { return path().substr(path().rfind('/') + 1); }

Result<Url> Url::with_file_name(std::string_view name) const {
  return or_out_of_memory([&]() -> Result<Url> {
    std::string text(part(0, path_end_ - file_name().size()));
    text.append(percent_encode(name)).append(part(path_end_, text_.size()));
    return parse(text);
  });
}

Result<Url> Url::without_userinfo() const {
  return or_out_of_memory([&]() -> Result<Url> {
    if (!has_userinfo()) return *this;
    return parse(text_without_secrets());
  });
}

Result<Url> Url::with_https() const {
  return or_out_of_memory([&]() -> Result<Url> {
    if (is_tls()) return *this;
    return parse("https" + text_.substr(scheme().size()));  // the text has no port that is the scheme's own
  });
}

}  // namespace sluice
