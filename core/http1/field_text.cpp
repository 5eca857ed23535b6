// See field_text.hpp.
#include "core/http1/field_text.hpp"

#include <charconv>
#include <system_error>

#include "core/fields.hpp"

namespace sluice::http1 {

bool hides_framing(std::string_view name) {
  while (!name.empty() && !is_token(name.substr(0, 1))) name.remove_prefix(1);
  while (!name.empty() && !is_token(name.substr(name.size() - 1))) name.remove_suffix(1);
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Transfer-Encoding");
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sluice::http1
