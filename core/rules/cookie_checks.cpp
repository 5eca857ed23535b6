// See cookie_checks.hpp.
#include "core/rules/cookie_checks.hpp"

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/fields.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice::rules {
namespace {

constexpr std::string_view kHostPrefix = "__Host-";
constexpr std::string_view kSecurePrefix = "__Secure-";

bool begins_with(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// Whether the text would be read as it is from a Set-Cookie field.
bool is_plain(std::string_view text) {
  return !holds_control_byte(text) && text.find(';') == std::string_view::npos && trim_blanks(text) == text;
}

std::string_view refusal_of_text(const Cookie& cookie) {
  if (cookie.name.empty() && cookie.value.empty()) return "has neither name nor value";
  if (!is_plain(cookie.name) || cookie.name.find('=') != std::string::npos) return "has a name that cannot be sent";
  if (!is_plain(cookie.value)) return "has a value that cannot be sent";
  // Each is smaller than half of the address space, so the sum does not overflow.
  if (cookie.name.size() + cookie.value.size() > limits::kMaxCookieBytes) {
    return "has more than 4096 bytes of name and value";
  }
  if (!cookie.path.starts_with('/') || holds_control_byte(cookie.path)) return "has an invalid path";
  if (cookie.path.size() > limits::kMaxCookieAttributeBytes) return "has a path of more than 1024 bytes";
  if (cookie.domain.size() > limits::kMaxCookieAttributeBytes) return "has a domain of more than 1024 bytes";
  return {};
}

// 5.7 steps 19 to 22 (SB-71).
std::string_view refusal_of_promise(const Cookie& cookie) {
  if (cookie.same_site == SameSite::none && !cookie.secure) return "has SameSite=None and is not Secure";
  if (begins_with(cookie.name, kSecurePrefix) && !cookie.secure) return "has a __Secure- name and is not Secure";
  if (has_host_prefix(cookie) && !(cookie.secure && cookie.host_only && cookie.path == "/")) {
    return "has a __Host- name and is not Secure, for one host and for the path /";
  }
  // It would look like a cookie of such a name in a request.
  if (cookie.name.empty() && (begins_with(cookie.value, kSecurePrefix) || begins_with(cookie.value, kHostPrefix))) {
    return "has no name, and a value that begins like a __Secure- or __Host- name";
  }
  return {};
}

}  // namespace

std::string_view refusal_of(const Cookie& cookie) {
  const std::string_view reason = refusal_of_text(cookie);
  return reason.empty() ? refusal_of_promise(cookie) : reason;
}

bool has_host_prefix(const Cookie& cookie) { return begins_with(cookie.name, kHostPrefix); }

}  // namespace sluice::rules
