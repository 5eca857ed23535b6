// Names that are never asked for.
#pragma once

#include <string_view>

namespace sluice::net {

inline std::string_view without_final_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

// RFC 6761 6.3: "localhost" and every name below it.
inline bool is_localhost(std::string_view host) {
  host = without_final_dot(host);
  return host == "localhost" || host.ends_with(".localhost");
}

// RFC 7686 2.
inline bool is_onion(std::string_view host) {
  host = without_final_dot(host);
  return host == "onion" || host.ends_with(".onion");
}

}  // namespace sluice::net
