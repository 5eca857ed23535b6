// Which hosts and paths a cookie is for (RFC 6265bis 5.1.2 to 5.1.4). Pure functions. Leaves to others: public suffixes
// (public_suffix.hpp) and what is stored (cookie_store.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/url.hpp"

namespace sluice::rules {

// A host in the one form in which hosts are compared (SB-75): a name in lower case without a final dot, or an address
// (IPv6 without brackets, its zone after a '%').
struct Host {
  std::string name;
  bool is_address = false;

  friend bool operator==(const Host&, const Host&) = default;
};

// Throws std::bad_alloc.
Host host_of(const Url& url);
// The host that a text names, which may be in any case and have one dot at either end. nullopt: no URL can have it.
// Throws std::bad_alloc.
std::optional<Host> host_from(std::string_view text);

// 5.1.3: the domain is the host itself, or the host ends with a dot and the domain (SB-70). An address has no parents.
bool domain_matches(const Host& host, std::string_view domain);
// 5.1.4: the cookie's path is the request's, or a part of it that ends before or after a '/'.
bool path_matches(std::string_view request_path, std::string_view cookie_path);
// 5.1.4: the folder of a URL's path, without a final '/'. A view into `path`, or of "/".
std::string_view default_path(std::string_view path);

}  // namespace sluice::rules
