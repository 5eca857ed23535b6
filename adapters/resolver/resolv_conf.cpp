// See resolv_conf.hpp. The limits are those of the C library (resolv.conf(5)).
#include "adapters/resolver/resolv_conf.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/address.hpp"

namespace sluice::net {
namespace {

constexpr std::size_t kMostServers = 6;
constexpr std::size_t kMostDomains = 32;
constexpr std::size_t kMostDots = 15;
constexpr int kMostSeconds = 30;
constexpr int kMostAttempts = 5;

// Removes the next word from the front of `text` and returns it; "": there is none.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

// The number in "name:7", limited to [least, most]; nullopt: another option.
std::optional<int> number_of(std::string_view option, std::string_view name, int least, int most) {
  if (!option.starts_with(name)) return std::nullopt;
  option.remove_prefix(name.size());
  int number = 0;
  const auto [end, error] = std::from_chars(option.data(), option.data() + option.size(), number);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || end != option.data() + option.size() || number < 0) return std::nullopt;
  return std::clamp(number, least, most);
}

void take_options(std::string_view text, ResolvConf& conf) {
  for (std::string_view option = take_word(text); !option.empty(); option = take_word(text)) {
    if (const auto dots = number_of(option, "ndots:", 0, kMostDots)) {
      conf.ndots = static_cast<std::size_t>(*dots);
    } else if (const auto seconds = number_of(option, "timeout:", 1, kMostSeconds)) {
      conf.timeout = std::chrono::seconds(*seconds);
    } else if (const auto attempts = number_of(option, "attempts:", 1, kMostAttempts)) {
      conf.attempts = *attempts;
    } else if (option == "rotate") {
      conf.rotate = true;
    } else if (option == "use-vc") {
      conf.tcp = true;
    }
  }
}

void take_domains(std::string_view text, std::size_t most, ResolvConf& conf) {
  conf.search.clear();
  for (std::string_view domain = take_word(text); !domain.empty() && conf.search.size() < most;
       domain = take_word(text)) {
    if (domain.ends_with('.')) domain.remove_suffix(1);
    conf.search.emplace_back(domain);
  }
}

void take_server(std::string_view text, ResolvConf& conf) {
  const auto address = IpAddress::parse(take_word(text));  // an address with a zone is ignored: c-ares cannot use it
  if (!address || conf.servers.size() == kMostServers) return;
  const std::string literal = address->to_string();
  conf.servers.push_back(address->kind == IpAddress::Kind::ipv6 ? '[' + literal + ']' : literal);
}

void take_line(std::string_view line, ResolvConf& conf) {
  if (line.starts_with('#') || line.starts_with(';')) return;
  const std::string_view keyword = take_word(line);
  if (keyword == "nameserver") take_server(line, conf);
  if (keyword == "options") take_options(line, conf);
  // The last "search" or "domain" counts.
  if (keyword == "search") take_domains(line, kMostDomains, conf);
  if (keyword == "domain") take_domains(line, 1, conf);
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text, std::string_view local_domain, std::string_view res_options) {
  ResolvConf conf;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    take_line(line, conf);
  }
  if (!local_domain.empty()) take_domains(local_domain, kMostDomains, conf);
  take_options(res_options, conf);
  return conf;
}

std::vector<std::string> names_to_ask(std::string_view host, const ResolvConf& conf) {
  if (host.ends_with('.')) return {std::string(host)};
  const auto dots = static_cast<std::size_t>(std::ranges::count(host, '.'));
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  if (dots >= conf.ndots) add(std::string(host));
  for (const std::string& domain : conf.search)
    add(domain.empty() ? std::string(host) : std::string(host) + '.' + domain);
  add(std::string(host));
  return names;
}

}  // namespace sluice::net
