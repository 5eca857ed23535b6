// See hsts.hpp.
#include "core/hsts.hpp"

#include <algorithm>
#include <limits>

#include "core/base/ascii.hpp"
#include "core/http_date.hpp"
#include "core/rules/cookie_file.hpp"
#include "core/rules/cookie_match.hpp"
#include "core/rules/file_date.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice {
namespace {

constexpr UnixSeconds kNeverExpires = std::numeric_limits<UnixSeconds>::max();
constexpr std::string_view kFileHead = "# Hosts to be used over https only (HSTS), in the format of curl --hsts\n";
constexpr std::string_view kUnlimited = "unlimited";

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.starts_with('"') && text.ends_with('"');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// What a file cannot hold as a date never expires. `max_age` is more than 0.
UnixSeconds expiry_of(std::int64_t max_age, UnixSeconds now) {
  return max_age > kLastCalendarTime - std::max<UnixSeconds>(now, 0) ? kNeverExpires : now + max_age;
}

// A date, or "unlimited".
std::optional<UnixSeconds> parse_expiry(std::string_view text) {
  return text == kUnlimited ? kNeverExpires : rules::parse_file_date(text);
}

void append_expiry(std::string& out, UnixSeconds expires) {
  if (expires == kNeverExpires) {
    out += kUnlimited;
  } else {
    rules::append_file_date(out, expires);
  }
}

}  // namespace

std::optional<HstsPolicy> parse_hsts(std::string_view value) {
  std::optional<std::int64_t> max_age;
  bool include_subdomains = false;
  while (const auto directive = next_list_element(value, ';')) {
    const std::size_t equals = std::min(directive->find('='), directive->size());
    const std::string_view name = trim_blanks(directive->substr(0, equals));
    if (equals_ignoring_case(name, "max-age")) {
      if (max_age || equals == directive->size()) return std::nullopt;
      max_age = rules::clamped_decimal(without_quotes(trim_blanks(directive->substr(equals + 1))));
      if (!max_age) return std::nullopt;
    } else if (equals_ignoring_case(name, "includeSubDomains")) {
      if (include_subdomains || equals != directive->size()) return std::nullopt;
      include_subdomains = true;
    }
  }
  if (!max_age) return std::nullopt;
  return HstsPolicy{*max_age, include_subdomains};
}

void HstsStore::note(const Url& url, const Fields& response_fields, UnixSeconds now) {
  const auto field = response_fields.find("Strict-Transport-Security");
  if (!field || !url.is_tls()) return;
  const rules::Host host = rules::host_of(url);
  const std::optional<HstsPolicy> policy = parse_hsts(*field);
  if (!policy || host.is_address) return;
  if (policy->max_age > 0) return put(host.name, {expiry_of(policy->max_age, now), policy->include_subdomains});
  if (const auto old = hosts_.find(host.name); old != hosts_.end()) remove(old);
}

bool HstsStore::applies(const Url& url, UnixSeconds now) const {
  const rules::Host host = rules::host_of(url);
  if (host.is_address) return false;  // an IPv6 zone may end like a name
  std::string_view name = host.name;
  for (bool is_parent = false;; is_parent = true) {
    const auto at = hosts_.find(name);
    // An entry that does not count hides none of a parent's (SB-76).
    if (at != hosts_.end() && at->second.expires > now && (!is_parent || at->second.include_subdomains)) return true;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

// All that can throw comes before the first change.
void HstsStore::put(const std::string& name, Entry entry) {
  if (const auto old = hosts_.find(name); old != hosts_.end()) {
    auto place = by_expiry_.extract({old->second.expires, old->first});
    place.value().first = entry.expires;
    by_expiry_.insert(std::move(place));
    old->second = entry;
    return;
  }
  Hosts made;
  const auto at = made.emplace(name, entry).first;
  by_expiry_.emplace(entry.expires, at->first);
  hosts_.insert(made.extract(at));
  if (hosts_.size() <= kMaxHstsHosts) return;
  remove(hosts_.find(by_expiry_.begin()->second));
  ++dropped_;
}

void HstsStore::remove(Hosts::iterator at) {
  by_expiry_.erase({at->second.expires, at->first});
  hosts_.erase(at);
}

std::size_t HstsStore::load(std::string_view text, UnixSeconds now) {
  std::size_t skipped = 0;
  while (!text.empty()) {
    const std::string_view line = trim_blanks(rules::take_line(text));
    if (line.empty() || line.starts_with('#')) continue;
    if (line.size() > kMaxHstsLineBytes || !load_line(line, now)) ++skipped;
  }
  return skipped;
}

// False: the line is no entry. One that has expired is one, but is not kept.
bool HstsStore::load_line(std::string_view line, UnixSeconds now) {
  Entry entry;
  entry.include_subdomains = line.starts_with('.');
  if (entry.include_subdomains) line.remove_prefix(1);
  const std::size_t blank = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view name = line.substr(0, blank), date = trim_blanks(line.substr(blank));
  const std::optional<UnixSeconds> expires = parse_expiry(without_quotes(date));
  // rules::host_from() would take another dot.
  if (!expires || !date.starts_with('"') || name.starts_with('.')) return false;
  const std::optional<rules::Host> host = rules::host_from(name);
  if (!host || host->is_address) return false;
  entry.expires = *expires;
  const auto old = hosts_.find(host->name);
  if (entry.expires > now && (old == hosts_.end() || old->second.expires < entry.expires)) put(host->name, entry);
  return true;
}

std::string HstsStore::save(UnixSeconds now) const {
  std::string text(kFileHead);
  for (const auto& [name, entry] : hosts_) {
    if (entry.expires <= now) continue;
    if (entry.include_subdomains) text += '.';
    text.append(name).append(" \"");
    append_expiry(text, entry.expires);
    text += "\"\n";
  }
  return text;
}

}  // namespace sluice
