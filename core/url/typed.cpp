// URLs as people type them: perhaps without a scheme, perhaps with a password in them. See url.hpp.
#include <algorithm>
#include <new>

#include "core/base/ascii.hpp"
#include "core/url.hpp"

namespace sluice {
namespace {

// Wider than RFC 3986 3.1, where a scheme begins with a letter: "1a:/b" is then refused, not looked up.
bool has_scheme(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || !text.substr(colon + 1).starts_with('/')) return false;
  return std::ranges::all_of(text.substr(0, colon), [](char c) {
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

Result<Url> Url::parse_typed(std::string_view text) try {
  if (text.empty() || has_scheme(text)) return parse(text);
  return parse(std::string("http://").append(text));
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

std::string typed_without_userinfo(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t begin = has_scheme(text) && text.substr(colon).starts_with("://") ? colon + 3 : 0;
  const std::size_t end = Url::parse_typed(text) ? text.find_first_of("/?#", begin) : std::string_view::npos;
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(text);
  return std::string(text.substr(0, begin)).append(text.substr(at + 1));
}

}  // namespace sluice
