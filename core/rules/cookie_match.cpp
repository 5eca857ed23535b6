// See cookie_match.hpp.
#include "core/rules/cookie_match.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/address.hpp"
#include "core/base/ascii.hpp"

namespace sluice::rules {
namespace {

std::string_view without_final_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// nullopt: it is no URL.
std::optional<Url> parse_url(const std::string& text) {
  auto url = Url::parse(text);
  if (url) return std::move(*url);
  if (url.error().code == Code::out_of_memory) throw std::bad_alloc();
  return std::nullopt;
}

// Text with a colon, which no name has.
std::optional<Host> ipv6_from(std::string_view text) {
  const std::size_t percent = std::min(text.find('%'), text.size());
  const auto address = IpAddress::parse(text.substr(0, percent));
  if (!address) return std::nullopt;
  Host host{address->to_string(), true};
  if (percent == text.size()) return host;
  // A URL limits what a zone may hold.
  const std::string_view zone = text.substr(percent + 1);
  const auto url = parse_url(std::string("http://[").append(host.name).append("%25").append(zone).append("]/"));
  if (!url || url->zone() != zone) return std::nullopt;
  host.name.append("%").append(zone);
  return host;
}

}  // namespace

Host host_of(const Url& url) {
  Host host{std::string(without_final_dot(url.host())), url.host_kind() != HostKind::name};
  if (!url.zone().empty()) host.name.append("%").append(url.zone());
  return host;
}

std::optional<Host> host_from(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.find(':') != std::string_view::npos) return ipv6_from(text);
  const auto url = parse_url(std::string("http://").append(text).append("/"));
  if (!url) return std::nullopt;
  Host host = host_of(*url);
  // Otherwise the text was more than a host, or had percent-encoded letters.
  if (host.name != to_lower(without_final_dot(text))) return std::nullopt;
  return host;
}

bool domain_matches(const Host& host, std::string_view domain) {
  const std::string_view name = host.name;
  if (name == domain) return true;
  // It is longer then, since it is not the domain.
  return !host.is_address && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.';
}

bool path_matches(std::string_view request_path, std::string_view cookie_path) {
  if (!request_path.starts_with(cookie_path)) return false;
  return request_path.size() == cookie_path.size() || cookie_path.ends_with('/') ||
         request_path[cookie_path.size()] == '/';
}

std::string_view default_path(std::string_view path) {
  const std::size_t last = path.rfind('/');
  return last == 0 ? path.substr(0, 1) : path.substr(0, last);
}

}  // namespace sluice::rules
