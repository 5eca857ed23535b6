// See option_values.hpp. Small, independent parsers.
#include "adapters/cli/option_values.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>

#include "adapters/cli/text.hpp"
#include "core/base/ascii.hpp"
#include "core/http_date.hpp"

namespace sluice::cli {

namespace {

template <class Number>
bool whole(std::string_view text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, out);
  return problem == std::errc{} && stopped == end && !text.empty();
}

UsageError syntax(std::string_view option, std::string_view text, std::string_view why) {
  return {49, "option " + std::string(option) + ": '" + printable(text) + "': " + std::string(why)};
}

// Takes "host" or "[v6]" and a following ':' from the front of `text`. `more`: there was a ':'.
std::optional<std::string> take_host(std::string_view& text, bool& more) {
  std::string host;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = to_lower(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    host = to_lower(text.substr(0, colon));
    text.remove_prefix(host.size());
  }
  more = text.starts_with(':');
  if (more) text.remove_prefix(1);
  return host;
}

std::string_view take_to_colon(std::string_view& text, bool& more) {
  const std::size_t colon = text.find(':');
  const std::string_view part = text.substr(0, colon);
  more = colon != std::string_view::npos;
  text.remove_prefix(more ? colon + 1 : text.size());
  return part;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  return IpAddress::parse(text);
}

// Rules compare names without a final dot.
void drop_trailing_dot(std::string& host) {
  if (host.size() > 1 && host.ends_with('.')) host.pop_back();
}

bool parse_port(std::string_view text, std::uint16_t& port) { return whole(text, port) && port != 0; }

}  // namespace

std::expected<std::optional<Duration>, std::string> parse_seconds(std::string_view text) {
  constexpr double kMost = 1e9;  // 31 years: far below the limit of 64-bit nanoseconds
  double seconds = 0;
  if (!whole(text, seconds) || !std::isfinite(seconds)) {
    return std::unexpected("expected a number of seconds, not '" + printable(text) + "'");
  }
  if (std::signbit(seconds)) return std::unexpected("expected a positive number, not '" + printable(text) + "'");
  if (seconds > kMost) return std::unexpected("'" + printable(text) + "' seconds are too many");
  if (seconds == 0) return std::optional<Duration>();
  // A value below one nanosecond is still a limit.
  return std::optional(std::max(Duration(1), Duration(static_cast<std::int64_t>(seconds * 1e9))));
}

std::expected<std::size_t, std::string> parse_count(std::string_view text) {
  constexpr std::size_t kMost = 1'000'000;
  if (text.size() > 1 && text.front() == '-' && text[1] >= '0' && text[1] <= '9') {
    return std::unexpected("expected a positive number, not '" + printable(text) + "'");
  }
  std::size_t count = 0;
  if (!whole(text, count)) return std::unexpected("expected a number, not '" + printable(text) + "'");
  if (count > kMost) return std::unexpected("'" + printable(text) + "' is too much");
  return count;
}

std::expected<std::uint64_t, std::string> parse_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "bkmgtp";
  const auto refused = [&](std::string_view why) {
    return std::unexpected("'" + printable(text) + "' " + std::string(why));
  };
  std::string_view digits = text;
  std::uint64_t unit = 1;
  if (!digits.empty() && to_lower(digits.back()) >= 'a') {
    const std::size_t power = kUnits.find(to_lower(digits.back()));
    if (power == std::string_view::npos) return refused("has a unit that is none of B, K, M, G, T and P");
    unit <<= 10 * power;
    digits.remove_suffix(1);
  }
  std::uint64_t count = 0;
  if (!whole(digits, count)) return refused("is not a number of bytes");
  if (count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / unit)
    return refused("is too much");
  return count * unit;
}

std::expected<Duration, std::string> parse_rate(std::string_view text) {
  constexpr std::int64_t kMostSeconds = 1'000'000'000;
  const auto refused = [&](std::string_view why) {
    return std::unexpected("'" + printable(text) + "' " + std::string(why));
  };
  constexpr std::string_view kForm = "is not a number, perhaps with /s, /m, /h, /d, or /10s";
  const std::size_t slash = text.find('/');
  std::int64_t starts = 0, units = 1, unit = 3600;
  if (!whole(text.substr(0, slash), starts)) return refused(kForm);
  if (slash != std::string_view::npos) {
    constexpr std::pair<char, std::int64_t> kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    std::string_view per = text.substr(slash + 1);
    const auto has_letter = [&](const auto& row) { return !per.empty() && row.first == per.back(); };
    const auto* found = std::ranges::find_if(kUnits, has_letter);
    if (found == std::end(kUnits)) return refused(kForm);
    unit = found->second;
    per.remove_suffix(1);
    if (!per.empty() && !whole(per, units)) return refused(kForm);
  }
  if (starts < 1 || units < 1) return refused("is not more than nothing");
  if (units > kMostSeconds / unit) return refused("is too long a time");
  return Duration(std::chrono::seconds(units * unit)) / starts;
}

std::optional<UnixSeconds> parse_date(std::string_view text, UnixSeconds now) {
  if (const auto time = parse_http_date(text, now)) return time;
  if (text.size() == 8 && std::all_of(text.begin(), text.end(), is_digit)) {
    const std::string dashed = std::string(text.substr(0, 4)) + "-" + std::string(text.substr(4, 2)) + "-";
    return parse_date(dashed + std::string(text.substr(6)), now);
  }
  // "1994-11-06T08:49:37Z": numbers of a fixed width between fixed bytes.
  constexpr std::string_view kForm = "0000-00-00 00:00:00";
  constexpr std::size_t kDateSize = 10;
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.size() != kForm.size() && text.size() != kDateSize) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separates = text[i] == kForm[i] || (i == kDateSize && text[i] == 'T');
    if (kForm[i] == '0' ? !is_digit(text[i]) : !separates) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    if (at < text.size()) whole(text.substr(at, size), value);
    return value;
  };
  return unix_seconds({.year = number(0, 4),
                       .month = number(5, 2),
                       .day = number(8, 2),
                       .hour = number(11, 2),
                       .minute = number(14, 2),
                       .second = number(17, 2)});
}

std::expected<std::uint32_t, std::string> parse_file_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error == std::errc() && end == text.data() + text.size() && mode <= 0777) return mode;
  return std::unexpected("expected an octal number up to 0777, not '" + printable(text) + "'");
}

std::expected<std::uint32_t, std::string> parse_max_redirects(std::string_view text) {
  if (text == "-1") return std::numeric_limits<std::uint32_t>::max();
  const auto count = parse_count(text);
  if (!count) return std::unexpected(count.error());
  return static_cast<std::uint32_t>(std::min<std::size_t>(*count, std::numeric_limits<std::uint32_t>::max()));
}

Schemes parse_schemes(std::string_view text, Schemes before) {
  Schemes schemes = before;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    bool allowed = true;
    for (; !name.empty() && std::string_view("+-=").find(name.front()) != std::string_view::npos;
         name.remove_prefix(1)) {
      allowed = name.front() != '-';
      if (name.front() == '=') schemes = {false, false};
    }
    const bool all = equals_ignoring_case(name, "all");
    if (all || equals_ignoring_case(name, "http")) schemes.http = allowed;
    if (all || equals_ignoring_case(name, "https")) schemes.https = allowed;
  }
  return schemes;
}

bool is_range(std::string_view text) {
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (part.empty() || part == "-" || part.find('-') != part.rfind('-')) return false;
    if (part.find_first_not_of("0123456789-") != std::string_view::npos) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

std::expected<std::variant<ResolveEntry, ResolveRemoval>, UsageError> parse_resolve(std::string_view text) {
  std::string_view rest = text;
  const bool removes = rest.starts_with('-');
  ResolveEntry entry;
  entry.expires = rest.starts_with('+');
  if (removes || entry.expires) rest.remove_prefix(1);
  bool more = false;
  auto host = take_host(rest, more);
  if (!host || host->empty() || !more) return std::unexpected(syntax("--resolve", text, "expected HOST:PORT:ADDRESS"));
  entry.host = std::move(*host);
  drop_trailing_dot(entry.host);
  if (!parse_port(take_to_colon(rest, more), entry.port)) {
    return std::unexpected(syntax("--resolve", text, "the port is not a number from 1 to 65535"));
  }
  if (removes) {
    if (more) return std::unexpected(syntax("--resolve", text, "expected -HOST:PORT"));
    return ResolveRemoval{std::move(entry.host), entry.port};
  }
  if (!more) return std::unexpected(syntax("--resolve", text, "expected HOST:PORT:ADDRESS"));
  while (true) {
    const std::size_t comma = rest.find(',');
    const auto address = parse_address(rest.substr(0, comma));
    if (!address)
      return std::unexpected(syntax("--resolve", text, "'" + printable(rest.substr(0, comma)) + "' is no IP address"));
    entry.addresses.push_back(*address);
    if (comma == std::string_view::npos) return entry;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<LoopKind> parse_loop(std::string_view text) {
  constexpr std::pair<std::string_view, LoopKind> kNames[] = {
      {"select", LoopKind::select}, {"poll", LoopKind::poll}, {"epoll", LoopKind::epoll}, {"libuv", LoopKind::libuv}};
  for (const auto& [name, kind] : kNames) {
    if (name == text) return kind;
  }
  return std::nullopt;
}

std::expected<ConnectToRule, UsageError> parse_connect_to(std::string_view text) {
  constexpr std::string_view kForm = "expected HOST1:PORT1:HOST2:PORT2";
  constexpr std::string_view kPort = "a port is not a number from 1 to 65535";
  std::string_view rest = text;
  ConnectToRule rule;
  bool more = false;
  auto from = take_host(rest, more);
  if (!from || !more) return std::unexpected(syntax("--connect-to", text, kForm));
  rule.from_host = std::move(*from);
  drop_trailing_dot(rule.from_host);
  const std::string_view from_port = take_to_colon(rest, more);
  std::uint16_t port = 0;
  if (!from_port.empty()) {
    if (!parse_port(from_port, port)) return std::unexpected(syntax("--connect-to", text, kPort));
    rule.from_port = port;
  }
  if (!more) return std::unexpected(syntax("--connect-to", text, kForm));
  auto to = take_host(rest, more);
  if (!to) return std::unexpected(syntax("--connect-to", text, kForm));
  rule.to_host = std::move(*to);
  if (!rest.empty()) {
    if (!parse_port(rest, port)) return std::unexpected(syntax("--connect-to", text, kPort));
    rule.to_port = port;
  }
  return rule;
}

std::optional<ConnectTo> match_connect_to(const std::vector<ConnectToRule>& rules, const Url& url) {
  std::string host(url.host());
  drop_trailing_dot(host);
  for (const ConnectToRule& rule : rules) {
    if (!rule.from_host.empty() && rule.from_host != host) continue;
    if (rule.from_port && *rule.from_port != url.port()) continue;
    if (rule.to_host.empty() && !rule.to_port) return std::nullopt;
    return ConnectTo{rule.to_host.empty() ? std::string(url.host()) : rule.to_host, rule.to_port.value_or(url.port())};
  }
  return std::nullopt;
}

std::optional<HeaderLine> parse_header_line(std::string_view line) {
  const std::size_t mark = line.find_first_of(":;");
  if (mark == std::string_view::npos) return std::nullopt;
  HeaderLine header;
  if (line[mark] == ':') {
    header.name = line.substr(0, mark);
    header.value = trimmed(line.substr(mark + 1));
    header.removes = header.value.empty();
    return header;
  }
  // A ';' ends the name of an empty field only if nothing follows; else a later ':' may end the name.
  if (trimmed(line.substr(mark + 1)).empty()) {
    header.name = line.substr(0, mark);
    return header;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  header.name = line.substr(0, colon);  // if it is not a token, adding the field fails
  header.value = trimmed(line.substr(colon + 1));
  return header;
}

std::pair<std::string, std::string> split_certificate(std::string_view text) {
  std::pair<std::string, std::string> out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '\\')) {
      out.first += text[++i];
    } else if (text[i] == ':') {
      out.second = text.substr(i + 1);
      break;
    } else {
      out.first += text[i];
    }
  }
  return out;
}

}  // namespace sluice::cli
