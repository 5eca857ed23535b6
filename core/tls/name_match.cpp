// See name_match.hpp.
#include "core/tls/name_match.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::tls {
namespace {

bool is_label_char(char c) {
  const char l = to_lower(c);
  return (l >= 'a' && l <= 'z') || is_digit(c) || c == '-' || c == '_';
}

// Not empty labels of label characters; the last label is not a number, because such a name would be an address or
// invalid.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '.') {
      if (label == 0 || label > 63) return false;
      label = 0;
    } else if (is_label_char(name[i])) {
      ++label;
    } else {
      return false;
    }
  }
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  return !std::ranges::all_of(last, is_digit);
}

}  // namespace

bool dns_name_matches(std::string_view presented, std::string_view host) {
  if (!is_plain_name(host)) return false;
  if (!presented.starts_with("*.")) return is_plain_name(presented) && equals_ignoring_case(presented, host);
  const std::string_view parent = presented.substr(2);
  const std::size_t dot = host.find('.');
  return is_plain_name(parent) && parent.contains('.') && dot != std::string_view::npos &&
         equals_ignoring_case(parent, host.substr(dot + 1));
}

bool ip_address_matches(Bytes presented, Bytes host) {
  return (host.size() == 4 || host.size() == 16) && std::ranges::equal(presented, host);
}

}  // namespace sluice::tls
