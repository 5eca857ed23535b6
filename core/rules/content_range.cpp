// See content_range.hpp.
#include "core/rules/content_range.hpp"

#include <charconv>
#include <limits>
#include <system_error>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::rules {
namespace {

// nullopt: empty, not digits only, or 2^63 or more.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return value;
}

std::optional<ContentRange::Part> part(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return ContentRange::Part{*first, *last};
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes";
  if (!equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const std::string_view range = trim_blanks(value);
  if (range.size() == value.size()) return std::nullopt;  // no blank after the unit
  const std::size_t slash = range.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view positions = range.substr(0, slash), whole = range.substr(slash + 1);

  ContentRange result;
  if (whole != "*" && !(result.size = number(whole))) return std::nullopt;
  if (positions == "*") return result.size ? std::optional(result) : std::nullopt;
  result.part = part(positions);
  if (!result.part || (result.size && result.part->last >= *result.size)) return std::nullopt;
  return result;
}

}  // namespace sluice::rules
