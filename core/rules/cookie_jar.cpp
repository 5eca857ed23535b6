// See cookie_jar.hpp.
#include "core/rules/cookie_jar.hpp"

#include <limits>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/rules/cookie_checks.hpp"
#include "core/rules/cookie_file.hpp"
#include "core/rules/public_suffix.hpp"

namespace sluice {

std::shared_ptr<CookieJar> CookieJar::create() { return std::make_shared<rules::StandardCookieJar>(); }

}  // namespace sluice

namespace sluice::rules {
namespace {

// 5.7 steps 7 to 10. False: the host may not set cookies for that domain. `attribute` is without a leading dot.
bool set_domain(Cookie& cookie, std::string_view attribute, const Host& host) {
  cookie.domain = host.name;
  cookie.host_only = true;
  if (attribute.empty()) return true;
  // As in a URL.
  if (host.is_address && attribute.starts_with('[') && attribute.ends_with(']')) {
    attribute = attribute.substr(1, attribute.size() - 2);
  }
  std::string domain = to_lower(attribute);
  if (!domain_matches(host, domain)) return false;
  if (!host.is_address && is_public_suffix(domain)) return domain == host.name;
  cookie.domain = std::move(domain);
  cookie.host_only = false;
  return true;
}

// 5.7 step 6: Max-Age counts, whatever Expires says.
std::optional<UnixSeconds> expiry_of(const SetCookie& received, UnixSeconds now) {
  if (!received.max_age) return received.expires;
  if (*received.max_age <= 0) return std::numeric_limits<UnixSeconds>::min();
  const UnixSeconds most = std::numeric_limits<UnixSeconds>::max();
  return now > most - *received.max_age ? most : now + *received.max_age;
}

}  // namespace

StandardCookieJar::Source StandardCookieJar::source_of(const Url& url) {
  return {host_of(url), url.path(), url.is_tls()};
}

std::size_t StandardCookieJar::receive(const Url& url, const Fields& response_fields, Now now) {
  store_.remove_expired(now.wall);
  const Source source = source_of(url);
  std::size_t taken = 0;
  for (const Field field : response_fields) {
    if (taken == limits::kMaxCookiesPerResponse) break;
    if (!equals_ignoring_case(field.name, "Set-Cookie")) continue;
    const auto received = parse_set_cookie(field.value);
    if (received && take(*received, source, now.wall)) ++taken;
  }
  return taken;
}

bool StandardCookieJar::take(const SetCookie& received, const Source& source, UnixSeconds now) {
  Cookie cookie;
  if (!set_domain(cookie, received.domain, source.host)) return false;
  cookie.name = received.name;
  cookie.value = received.value;
  cookie.path = received.path.empty() ? default_path(source.path) : received.path;
  cookie.expires = expiry_of(received, now);
  cookie.secure = received.secure;
  cookie.http_only = received.http_only;
  cookie.same_site = received.same_site;
  if (!refusal_of(cookie).empty()) return false;
  if (has_host_prefix(cookie) && !received.has_path) return false;
  // SB-71: what comes over http can neither be Secure nor hide what is.
  if (!source.secure && (cookie.secure || store_.hides_secure(cookie, source.host.is_address))) return false;
  store_.put(std::move(cookie), now);
  return true;
}

std::string StandardCookieJar::header_for(const Url& url, Now now) {
  const Source source = source_of(url);
  std::size_t left = limits::kMaxCookieFieldBytes - std::string_view("Cookie: ").size();
  std::string field;
  for (const CookieStore::Stored* stored : store_.find(source.host, source.path, source.secure, now.wall)) {
    const Cookie& cookie = stored->cookie;
    const std::size_t separator = field.empty() ? 0 : 2;
    const std::size_t size = separator + cookie.name.size() + (cookie.name.empty() ? 0 : 1) + cookie.value.size();
    if (size > left) continue;
    left -= size;
    if (separator != 0) field += "; ";
    if (!cookie.name.empty()) field.append(cookie.name).append("=");
    field += cookie.value;
  }
  return field;
}

Result<void> StandardCookieJar::add(Cookie cookie, Now now) {
  return or_out_of_memory([&]() -> Result<void> {
    store_.remove_expired(now.wall);
    const std::string_view reason = take_given(std::move(cookie), now.wall);
    if (reason.empty()) return {};
    return std::unexpected(make_error(Code::invalid_option, std::string("a cookie ").append(reason)));
  });
}

std::string_view StandardCookieJar::take_given(Cookie cookie, UnixSeconds now) {
  std::optional<Host> host = host_from(cookie.domain);
  if (!host) return "has a domain that no host can have";
  if (!cookie.host_only && !host->is_address && is_public_suffix(host->name)) return "is for a public suffix";
  cookie.domain = std::move(host->name);
  const std::string_view reason = refusal_of(cookie);
  if (reason.empty()) store_.put(std::move(cookie), now);
  return reason;
}

std::size_t StandardCookieJar::remove(std::string_view domain, std::string_view path, std::string_view name) {
  const std::optional<Host> host = host_from(domain);
  return host ? store_.remove(host->name, path, name) : 0;
}

std::vector<Cookie> StandardCookieJar::cookies() const {
  std::vector<Cookie> copies;
  copies.reserve(store_.size());
  for (const CookieStore::Stored* stored : store_.all()) copies.push_back(stored->cookie);
  return copies;
}

CookieFileReport StandardCookieJar::load(std::string_view text, Now now) { return load_from(text, nullptr, now.wall); }

CookieFileReport StandardCookieJar::load(std::string_view text, Now now, const Url& origin) {
  const Source source = source_of(origin);
  return load_from(text, &source, now.wall);
}

CookieFileReport StandardCookieJar::load_from(std::string_view text, const Source* source, UnixSeconds now) {
  store_.remove_expired(now);
  CookieFileReport report;
  const std::size_t dropped = store_.dropped();
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (is_comment(line)) continue;
    if (line.size() > limits::kMaxCookieLineBytes) {
      ++report.refused;
    } else if (const auto set_cookie = set_cookie_of(line)) {
      ++(take_line_of(*set_cookie, source, now) ? report.taken : report.refused);
    } else if (auto cookie = parse_cookie_line(line)) {
      ++(take_given(std::move(*cookie), now).empty() ? report.taken : report.refused);
    } else {
      ++report.unknown;
    }
  }
  report.dropped = store_.dropped() - dropped;
  return report;
}

bool StandardCookieJar::take_line_of(std::string_view set_cookie, const Source* source, UnixSeconds now) {
  const auto received = parse_set_cookie(set_cookie);
  if (!received) return false;
  if (source) return take(*received, *source, now);
  std::optional<Host> host = host_from(received->domain);
  return host && take(*received, {std::move(*host), "/", true}, now);
}

std::string StandardCookieJar::save(Now now) {
  store_.remove_expired(now.wall);
  std::string text(kCookieFileHead);
  for (const CookieStore::Stored* stored : store_.all()) append_cookie_line(text, stored->cookie);
  return text;
}

}  // namespace sluice::rules
