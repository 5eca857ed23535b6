// See alt_svc.hpp.
#include "core/alt_svc.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <optional>
#include <span>

#include "core/base/ascii.hpp"
#include "core/http_date.hpp"
#include "core/rules/challenge.hpp"
#include "core/rules/cookie_file.hpp"
#include "core/rules/cookie_match.hpp"
#include "core/rules/file_date.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice {
namespace {

constexpr std::string_view kFileHead = "# Alternative services (RFC 7838), in the format of curl --alt-svc\n";
// In the order of AltProtocol.
constexpr std::string_view kFieldNames[] = {"http/1.1", "h2", "h3"};
constexpr std::string_view kFileNames[] = {"h1", "h2", "h3"};

std::optional<AltProtocol> protocol_of(std::span<const std::string_view> names, std::string_view name) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return std::nullopt;
  return static_cast<AltProtocol>(at - names.begin());
}

std::string_view file_name(AltProtocol protocol) { return kFileNames[static_cast<std::size_t>(protocol)]; }

std::optional<std::uint16_t> port_of(std::string_view text) {
  const std::optional<std::int64_t> port = rules::clamped_decimal(text);
  if (!port || *port < 1 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

// A host as in a URL: an IPv6 address is in brackets.
std::optional<rules::Host> bracketed_host_from(std::string_view text) {
  const bool brackets = text.starts_with('[') && text.ends_with(']');
  if (brackets) text = text.substr(1, text.size() - 2);
  // rules::host_from() would take the dot.
  if (brackets != (text.find(':') != std::string_view::npos) || text.starts_with('.')) return std::nullopt;
  return rules::host_from(text);
}

std::string host_text(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

std::string key_of(const std::string& host, std::uint16_t port) { return host_text(host) + " " + std::to_string(port); }

std::string key_of(const Url& url) { return key_of(rules::host_of(url).name, url.port()); }

// `h3="host:443"`.
std::optional<Alternative> parse_alternative(std::string_view text) {
  const auto parameter = rules::parse_auth_parameter(text);  // the same syntax
  if (!parameter) return std::nullopt;
  const std::optional<std::string> name = percent_decode(parameter->first);
  const auto protocol = protocol_of(kFieldNames, name ? *name : "");
  const std::string_view authority = parameter->second;
  const std::size_t colon = authority.rfind(':');
  if (!protocol || colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint16_t> port = port_of(authority.substr(colon + 1));
  if (!port) return std::nullopt;
  Alternative alternative{*protocol, {}, *port, false};
  if (colon == 0) return alternative;
  std::optional<rules::Host> host = bracketed_host_from(authority.substr(0, colon));
  if (!host) return std::nullopt;
  alternative.host = std::move(host->name);
  return alternative;
}

// One element of a field, without "clear".
std::optional<AltSvc::Service> parse_service(std::string_view text) {
  if (text.starts_with(';')) return std::nullopt;
  std::optional<Alternative> alternative = parse_alternative(next_list_element(text, ';').value_or(""));
  if (!alternative) return std::nullopt;
  AltSvc::Service service{*std::move(alternative)};
  while (const auto part = next_list_element(text, ';')) {
    const auto parameter = rules::parse_auth_parameter(*part);
    if (!parameter) return std::nullopt;
    const auto& [name, value] = *parameter;
    if (name == "ma") {
      const std::optional<std::int64_t> max_age = rules::clamped_decimal(value);
      if (!max_age) return std::nullopt;
      service.max_age = *max_age;
    } else if (name == "persist" && value == "1") {
      service.alternative.persist = true;
    }
  }
  return service;
}

UnixSeconds expiry_of(std::int64_t max_age, UnixSeconds now) {
  const bool fits = max_age <= kLastCalendarTime - std::max<UnixSeconds>(now, 0);
  return fits ? now + max_age : kLastCalendarTime;
}

// Splits a line of the file at its blanks. A complete line has ten parts; the date is two of them. If the line has
// fewer, the last ones are empty. nullopt: it has more.
std::optional<std::array<std::string_view, 10>> words_of(std::string_view line) {
  std::array<std::string_view, 10> words = {};
  for (std::string_view& word : words) {
    line = trim_blanks(line);
    word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
  }
  if (!line.empty()) return std::nullopt;
  return words;
}

}  // namespace

AltSvc parse_alt_svc(std::string_view value) {
  AltSvc result;
  while (const auto element = next_list_element(value)) {
    if (*element == "clear") {
      result.clear = true;
    } else if (result.services.size() < kMaxAlternatives) {
      if (auto service = parse_service(*element)) result.services.push_back(*std::move(service));
    }
  }
  return result;
}

UnixSeconds AltSvcStore::Origin::last_expiry() const {
  const auto earlier = [](const Entry& a, const Entry& b) { return a.expires < b.expires; };
  return std::max_element(entries.begin(), entries.end(), earlier)->expires;
}

void AltSvcStore::note(const Url& url, AltProtocol used, const Fields& response_fields, UnixSeconds now) {
  if (!url.is_tls() || !response_fields.contains("Alt-Svc")) return;
  const std::int64_t age = rules::clamped_decimal(response_fields.find("Age").value_or("")).value_or(0);
  const std::string host = rules::host_of(url).name, key = key_of(url);
  bool clear = false;
  Origin origin;
  for (const Field& field : response_fields) {
    if (!equals_ignoring_case(field.name, "Alt-Svc")) continue;
    AltSvc value = parse_alt_svc(field.value);
    clear = clear || value.clear;
    for (auto& [alternative, max_age] : value.services) {
      if (max_age <= age || origin.entries.size() == kMaxAlternatives) continue;
      if (alternative.host.empty()) alternative.host = host;
      origin.entries.push_back({std::move(alternative), used, expiry_of(max_age - age, now)});
    }
  }
  if (!clear && !origin.entries.empty()) return put(key, std::move(origin));
  if (const auto old = origins_.find(key); old != origins_.end()) remove(old);
}

std::vector<Alternative> AltSvcStore::find(const Url& url, UnixSeconds now) const {
  std::vector<Alternative> found;
  const auto at = url.is_tls() ? origins_.find(key_of(url)) : origins_.end();
  if (at == origins_.end()) return found;
  for (const Entry& entry : at->second.entries) {
    if (entry.expires > now) found.push_back(entry.alternative);
  }
  return found;
}

// All that can throw comes before the first change.
void AltSvcStore::put(const std::string& key, Origin origin) {
  const UnixSeconds expires = origin.last_expiry();
  if (const auto old = origins_.find(key); old != origins_.end()) {
    auto place = by_expiry_.extract({old->second.last_expiry(), old->first});
    place.value().first = expires;
    by_expiry_.insert(std::move(place));
    old->second = std::move(origin);
    return;
  }
  Origins made;
  const auto at = made.emplace(key, std::move(origin)).first;
  by_expiry_.emplace(expires, at->first);
  origins_.insert(made.extract(at));
  if (origins_.size() <= kMaxAltSvcOrigins) return;
  remove(origins_.find(by_expiry_.begin()->second));
  ++dropped_;
}

void AltSvcStore::remove(Origins::iterator at) {
  by_expiry_.erase({at->second.last_expiry(), at->first});
  origins_.erase(at);
}

// To those that the origin has.
void AltSvcStore::add(const std::string& key, Entry entry) {
  const auto at = origins_.find(key);
  Origin origin = at == origins_.end() ? Origin() : at->second;
  const auto is_same = [&entry](const Entry& old) {
    const Alternative &a = old.alternative, &b = entry.alternative;
    return a.protocol == b.protocol && a.host == b.host && a.port == b.port;
  };
  const auto same = std::find_if(origin.entries.begin(), origin.entries.end(), is_same);
  if (same != origin.entries.end()) {
    if (same->expires >= entry.expires) return;
    *same = std::move(entry);
  } else if (origin.entries.size() < kMaxAlternatives) {
    origin.entries.push_back(std::move(entry));
  }
  put(key, std::move(origin));
}

std::size_t AltSvcStore::load(std::string_view text, UnixSeconds now) {
  std::size_t skipped = 0;
  while (!text.empty()) {
    const std::string_view line = trim_blanks(rules::take_line(text));
    if (line.empty() || line.starts_with('#')) continue;
    if (line.size() > kMaxAltSvcLineBytes || !load_line(line, now)) ++skipped;
  }
  return skipped;
}

// False: the line is no alternative. One that has expired is one, but is not kept.
bool AltSvcStore::load_line(std::string_view line, UnixSeconds now) {
  const auto words = words_of(line);
  if (!words) return false;
  const auto& [used_name, origin_name, origin_port, protocol_name, name, port, date, clock, persist, priority] = *words;
  const auto used_protocol = protocol_of(kFileNames, used_name), protocol = protocol_of(kFileNames, protocol_name);
  const std::optional<rules::Host> origin = bracketed_host_from(origin_name), host = bracketed_host_from(name);
  const auto from_port = port_of(origin_port), to_port = port_of(port);
  if (!used_protocol || !protocol || !origin || !host || !from_port || !to_port) return false;
  if (!date.starts_with('"') || !clock.ends_with('"')) return false;
  const auto expires =
      rules::parse_file_date(std::string(date.substr(1)) + ' ' + std::string(clock, 0, clock.size() - 1));
  const auto persists = rules::clamped_decimal(persist);
  if (!expires || !persists || !rules::clamped_decimal(priority)) return false;
  if (*expires <= now) return true;
  add(key_of(origin->name, *from_port), {{*protocol, host->name, *to_port, *persists != 0}, *used_protocol, *expires});
  return true;
}

std::string AltSvcStore::save(UnixSeconds now) const {
  std::string text(kFileHead);
  for (const auto& [key, origin] : origins_) {
    for (const auto& [alternative, used, expires] : origin.entries) {
      if (expires <= now) continue;
      text.append(file_name(used)).append(" ").append(key).append(" ").append(file_name(alternative.protocol));
      text.append(" ").append(key_of(alternative.host, alternative.port)).append(" \"");
      rules::append_file_date(text, expires);
      text.append("\" ").append(alternative.persist ? "1" : "0").append(" 0\n");
    }
  }
  return text;
}

}  // namespace sluice
