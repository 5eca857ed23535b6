// See idn.hpp. Here: without libidn2.
#include "core/url/idn.hpp"

namespace sluice::url {

bool has_idn() { return false; }

std::expected<std::string, std::string_view> to_ascii(const std::string&) {
  return std::unexpected(std::string_view(
      "holds bytes that are not ASCII, and this sluice was built without libidn2 (write it in its xn-- form)"));
}

}  // namespace sluice::url
