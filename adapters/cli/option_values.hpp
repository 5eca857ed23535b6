// Parses the values of single options: numbers, seconds, --resolve and --connect-to entries, -H lines, cert:password.
// Pure functions. Leaves to the caller: naming the option in a message, and what the value means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// Zero means no limit (nullopt). Error: what is wrong, for a message after the option's name.
std::expected<std::optional<Duration>, std::string> parse_seconds(std::string_view text);
std::expected<std::size_t, std::string> parse_count(std::string_view text);
// A number of bytes, perhaps with a unit: "10000", "500K", "2G", "1T", "1P" (powers of 1024, in any case; B is 1).
std::expected<std::uint64_t, std::string> parse_bytes(std::string_view text);
// --rate: the time from one start to the next. "N/s", "N/m", "N/h" (also "N") or "N/d" is N in a second, minute, hour
// or day; "N/3m" in three minutes.
std::expected<Duration, std::string> parse_rate(std::string_view text);
// Permissions as an octal number, 0 to 0777.
std::expected<std::uint32_t, std::string> parse_file_mode(std::string_view text);
// A date of HTTP (core/http_date.hpp), or "19941106", or "1994-11-06", perhaps with " 08:49:37" or "T08:49:37Z", in
// UTC.
std::optional<UnixSeconds> parse_date(std::string_view text, UnixSeconds now);
// --max-redirs: a count, or -1 for any number.
std::expected<std::uint32_t, std::string> parse_max_redirects(std::string_view text);
// --proto: schemes separated by commas, each after '=' (only this one), '-' (not this one) or '+' or nothing (this one
// too); "all" is every scheme, and schemes that the command does not have are skipped.
Schemes parse_schemes(std::string_view text, Schemes before);
// "0-99", "500-", "-200", "7", or several of them separated by commas.
bool is_range(std::string_view text);

// "[+]HOST:PORT:ADDR[,ADDR]" adds an entry, "-HOST:PORT" removes an earlier one. IPv6 addresses may be in brackets.
// Error: exit code 49, as in curl.
struct ResolveRemoval {
  std::string host;
  std::uint16_t port = 0;
};
std::expected<std::variant<ResolveEntry, ResolveRemoval>, UsageError> parse_resolve(std::string_view text);

// "HOST1:PORT1:HOST2:PORT2": an empty part on the left matches all, on the right it keeps the URL's.
struct ConnectToRule {
  std::string from_host;  // lower case, without brackets
  std::optional<std::uint16_t> from_port;
  std::string to_host;
  std::optional<std::uint16_t> to_port;
};
std::optional<LoopKind> parse_loop(std::string_view text);

std::expected<ConnectToRule, UsageError> parse_connect_to(std::string_view text);
// The first rule that matches decides.
std::optional<ConnectTo> match_connect_to(const std::vector<ConnectToRule>& rules, const Url& url);

// "Name: value", "Name:" (removes) or "Name;" (sends it empty). nullopt: none of these.
struct HeaderLine {
  std::string name;
  std::string value;
  bool removes = false;
};
std::optional<HeaderLine> parse_header_line(std::string_view line);

// "file[:password]"; a colon or backslash in the file's name has a backslash before it.
std::pair<std::string, std::string> split_certificate(std::string_view text);

}  // namespace sluice::cli
