// See command_builder.hpp. The actions of options whose value is parsed or read from a file.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/cli/command_builder.hpp"
#include "adapters/cli/option_values.hpp"
#include "adapters/cli/socket_settings.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/url_encode_option.hpp"
#include "adapters/cli/variables.hpp"
#include "adapters/transport.hpp"
#include "core/features.hpp"

namespace sluice::cli {

namespace {

std::unexpected<UsageError> bad(OptionId id, std::string_view why, int exit_code = 2) {
  return std::unexpected(UsageError{exit_code, "option " + option_spec(id).dashed() + ": " + std::string(why)});
}

}  // namespace

std::expected<std::string, UsageError> CommandBuilder::read(OptionId id, const std::string& path) {
  return read_part(id, path, 0, VariableSetting::kAll);
}

std::expected<std::string, UsageError> CommandBuilder::read_part(OptionId id, const std::string& path,
                                                                 std::uint64_t first, std::uint64_t count) {
  const bool whole = first == 0 && count == VariableSetting::kAll;
  const bool cut = !whole && !inputs_.read_part;
  auto text = !whole && !cut ? inputs_.read_part(path, first, count)
              : path == "-"  ? inputs_.read_stdin()
                             : inputs_.read_file(path);
  if (text && cut) text = text->substr(std::min<std::uint64_t>(first, text->size()), count);
  if (!text) {
    const std::string name = path == "-" ? "standard input" : "'" + printable(path) + "'";
    return bad(id, "cannot read " + name + ": " + text.error(), 26);
  }
  return std::move(*text);
}

// "@FILE": a URL on each line, each with its remote name, as in curl.
CommandBuilder::Status CommandBuilder::add_url(const std::string& value) {
  if (!value.starts_with('@')) {
    group_.add_url(value);
    return {};
  }
  const auto text = read(OptionId::url, value.substr(1));
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    group_.add_url(std::string(line));
    group_.add_output(std::nullopt, true);
  }
  return {};
}

CommandBuilder::Status CommandBuilder::add_output(const std::string& value) {
  if (value.empty()) return bad(OptionId::output, "expected the name of a file");
  group_.add_output(value, false);
  return {};
}

CommandBuilder::Status CommandBuilder::add_header_line(OptionId id, std::string_view line, const std::string& place) {
  if (trimmed(line).empty()) return {};
  // A line end inside an argument does not begin a second field: it is refused when the field is added.
  auto header = parse_header_line(line);
  // The line may be a secret, so the message does not show it.
  if (!header) return bad(id, place + "not a field: expected 'Name: value', 'Name:' or 'Name;'");
  (id == OptionId::header ? group_.headers : group_.proxy_headers).push_back(std::move(*header));
  return {};
}

CommandBuilder::Status CommandBuilder::add_header(const Argument& argument) {
  if (!argument.value.starts_with('@')) return add_header_line(argument.id, argument.value, "");
  const std::string path = argument.value.substr(1);
  const auto file = read(argument.id, path);
  if (!file) return std::unexpected(file.error());
  std::string_view rest = *file;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    const std::string place = (path == "-" ? "standard input" : printable(path)) + ":" + std::to_string(number) + ": ";
    if (Status ok = add_header_line(argument.id, line, place); !ok) return ok;
  }
  return {};
}

CommandBuilder::Status CommandBuilder::add_data(const Argument& argument) {
  std::string bytes = argument.value;
  if (argument.id != OptionId::data_raw && bytes.starts_with('@')) {
    auto file = read(argument.id, bytes.substr(1));
    if (!file) return std::unexpected(file.error());
    bytes = std::move(*file);
    if (argument.id == OptionId::data) std::erase_if(bytes, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  }
  if (argument.id == OptionId::json) group_.json = true;
  append_data(std::move(bytes), argument.id == OptionId::json);
  return {};
}

void CommandBuilder::append_data(std::string bytes, bool json) {
  if (!group_.data) {
    group_.data = std::move(bytes);
  } else {
    if (!json) *group_.data += '&';
    *group_.data += bytes;
  }
}

CommandBuilder::Status CommandBuilder::add_encoded(const std::string& value) {
  auto encoded = url_encode_data(value, [&](const std::string& path) { return read(OptionId::data_urlencode, path); });
  if (!encoded) return std::unexpected(encoded.error());
  append_data(*std::move(encoded), false);
  return {};
}

CommandBuilder::Status CommandBuilder::add_url_query(const std::string& value) {
  auto encoded = url_encode_query(value, [&](const std::string& path) { return read(OptionId::url_query, path); });
  if (!encoded) return std::unexpected(encoded.error());
  group_.url_query = group_.url_query ? *group_.url_query + '&' + *encoded : *std::move(encoded);
  return {};
}

CommandBuilder::Status CommandBuilder::add_form(const Argument& argument) {
  const bool plain = argument.id == OptionId::form_string;
  const auto added = plain ? group_.form.add_string(argument.value) : group_.form.add(argument.value);
  if (!added) return bad(argument.id, added.error().message());
  group_.has_form = true;
  return {};
}

CommandBuilder::Status CommandBuilder::finish_form() {
  if (!group_.has_form) return {};
  for (const std::string& warning : group_.form.warnings()) command_.warnings.push_back("option --form: " + warning);
  auto body = make_form_body(group_.form.take(), group_.form_escape ? NameEscapes::backslash : NameEscapes::percent,
                             [&](const std::string& path) { return read(OptionId::form, path); });
  if (!body) return std::unexpected(body.error());
  group_.form_body = std::make_shared<const FormBody>(*std::move(body));
  return {};
}

// Only the length of the path is checked here; whether the socket exists shows when connecting.
CommandBuilder::Status CommandBuilder::set_unix_socket(const Argument& argument) {
  const std::string path = (argument.id == OptionId::abstract_unix_socket ? "@" : "") + argument.value;
  if (auto usable = unix_socket(path); !usable) return bad(argument.id, usable.error().message());
  group_.settings.unix_socket = path;
  return {};
}

CommandBuilder::Status CommandBuilder::set_socket(const Argument& argument) {
  const bool is_of_names = argument.id == OptionId::dns_servers || argument.id == OptionId::dns_interface ||
                           argument.id == OptionId::dns_ipv4_addr || argument.id == OptionId::dns_ipv6_addr;
  const auto applied = is_of_names ? apply_name_option(argument, command_.names)
                                   : apply_socket_option(argument, group_.settings.sockets);
  return applied ? Status() : bad(argument.id, applied.error());
}

CommandBuilder::Status CommandBuilder::set_loop(const std::string& value) {
  const auto kind = parse_loop(value);
  if (!kind) return bad(OptionId::loop, "'" + printable(value) + "' is none of select, poll, epoll and libuv");
  command_.loop = *kind;
  return {};
}

// As in curl: of -v, --trace and --trace-ascii the last one counts.
void CommandBuilder::set_trace(TraceForm form, const std::string& path) {
  if (command_.verbose) command_.warnings.emplace_back("a trace takes the place of an earlier --verbose");
  if (!command_.trace.path.empty()) command_.warnings.emplace_back("a trace takes the place of an earlier one");
  command_.verbose = false;
  command_.trace.path = path;
  command_.trace.form = form;
}

void CommandBuilder::set_verbose(bool on) {
  if (on && !command_.trace.path.empty())
    command_.warnings.emplace_back("--verbose takes the place of an earlier trace");
  command_.verbose = on;
  command_.trace.path.clear();
}

CommandBuilder::Status CommandBuilder::add_resolve(const std::string& value) {
  auto parsed = parse_resolve(value);
  if (!parsed) return std::unexpected(parsed.error());
  std::vector<ResolveEntry>& entries = group_.settings.resolve;
  if (auto* entry = std::get_if<ResolveEntry>(&*parsed)) {
    entries.push_back(std::move(*entry));
  } else {
    const auto& gone = std::get<ResolveRemoval>(*parsed);
    std::erase_if(entries, [&](const ResolveEntry& e) { return e.host == gone.host && e.port == gone.port; });
  }
  return {};
}

CommandBuilder::Status CommandBuilder::add_connect_to(const std::string& value) {
  auto rule = parse_connect_to(value);
  if (!rule) return std::unexpected(rule.error());
  group_.connect_to.push_back(std::move(*rule));
  return {};
}

CommandBuilder::Status CommandBuilder::set_seconds(OptionId id, const std::string& value,
                                                   std::optional<Duration>& out) {
  const auto seconds = parse_seconds(value);
  if (!seconds) return bad(id, seconds.error());
  out = *seconds;
  return {};
}

// Zero is no time here: each connection asks again.
CommandBuilder::Status CommandBuilder::set_dns_ttl(const std::string& value) {
  std::optional<Duration> ttl;
  if (Status ok = set_seconds(OptionId::dns_ttl, value, ttl); !ok) return ok;
  command_.dns_ttl = ttl.value_or(Duration::zero());
  return {};
}

CommandBuilder::Status CommandBuilder::set_parallel_max(const std::string& value) {
  const auto count = parse_count(value);
  if (!count) return bad(OptionId::parallel_max, count.error());
  command_.parallel_max = *count == 0 ? CommandLine().parallel_max : *count;
  return {};
}

CommandBuilder::Status CommandBuilder::set_rate(const std::string& value) {
  const auto interval = parse_rate(value);
  if (!interval) return bad(OptionId::rate, interval.error());
  command_.start_interval = *interval;
  return {};
}

CommandBuilder::Status CommandBuilder::set_redirects(const Argument& argument) {
  if (argument.id == OptionId::max_redirs) {
    const auto count = parse_max_redirects(argument.value);
    if (!count) return bad(argument.id, count.error());
    group_.redirects.max_redirects = *count;
    return {};
  }
  Schemes& schemes = argument.id == OptionId::proto ? group_.schemes : group_.redirect_schemes;
  schemes = parse_schemes(argument.value, schemes);
  const bool none = !group_.schemes.http && !group_.schemes.https;
  return none ? bad(argument.id, "neither http nor https is left") : Status();
}

CommandBuilder::Status CommandBuilder::set_http_versions(OptionId id) {
  HttpVersions& versions = group_.settings.http_versions;
  const bool is_http1 = id == OptionId::http1_0 || id == OptionId::http1_1;
  if (is_http1) {
    versions = id == OptionId::http1_0 ? HttpVersions::http1_0 : HttpVersions::http1_1;
  } else if (!features().http2) {
    return bad(id, "this sluice was built without libnghttp2");
  } else {
    versions = id == OptionId::http2 ? HttpVersions::any : HttpVersions::http2_prior_knowledge;
  }
  return {};
}

// Transfer codings are gzip and deflate only (RFC 9112 7.2).
CommandBuilder::Status CommandBuilder::set_codings(OptionId id, bool on) {
  const Features built = features();
  const bool of_transfer = id == OptionId::tr_encoding;
  if (on && !built.zlib && (of_transfer || (!built.brotli && !built.zstd))) {
    return bad(id, of_transfer ? "this sluice was built without zlib"
                               : "this sluice was built without zlib, libbrotlidec and libzstd");
  }
  (of_transfer ? group_.settings.transfer_codings : group_.settings.compressed) = on;
  return {};
}

// The file need not exist yet.
CommandBuilder::Status CommandBuilder::set_state_file(const Argument& argument, std::optional<StateFile>& out) {
  StateFile file{.name = argument.value, .text = {}};
  if (!file.name.empty()) {
    auto text = inputs_.read_file(file.name);
    if (!text && text.error() != std::strerror(ENOENT)) {
      return bad(argument.id, "cannot read '" + printable(file.name) + "': " + text.error(), 26);
    }
    if (text) file.text = *std::move(text);
  }
  out = std::move(file);
  return {};
}

// As in curl: the first line of the file; an empty ETag if there is none.
CommandBuilder::Status CommandBuilder::set_etag(const std::string& value) {
  const auto text = inputs_.read_file(value);
  if (!text && text.error() != std::strerror(ENOENT)) {
    return bad(OptionId::etag_compare, "cannot read '" + printable(value) + "': " + text.error(), 26);
  }
  const std::string_view all = text ? std::string_view(*text) : std::string_view();
  const std::string_view line = trimmed(all.substr(0, all.find('\n')));
  group_.etag = line.empty() ? "\"\"" : std::string(line);
  return {};
}

// A value that is not a date names a file, whose modification time is used.
CommandBuilder::Status CommandBuilder::set_time_condition(const std::string& value) {
  const bool not_newer = value.starts_with('-');
  const std::string text = value.substr(not_newer || value.starts_with('=') || value.starts_with('+') ? 1 : 0);
  auto time = parse_date(text, inputs_.now);
  if (!time && inputs_.modified) time = inputs_.modified(text);
  if (!time) {
    return bad(OptionId::time_cond, "'" + printable(text) + "' is neither a date (Sun, 06 Nov 1994 08:49:37 GMT, or " +
                                        "1994-11-06) nor a file");
  }
  group_.settings.time_condition = Settings::TimeCondition{.time = *time, .not_newer = not_newer};
  return {};
}

CommandBuilder::Status CommandBuilder::set_retries(const Argument& argument) {
  RetryOptions& retries = group_.retries;
  if (argument.id == OptionId::retry) {
    const auto count = parse_count(argument.value);
    if (!count) return bad(argument.id, count.error());
    retries.max_retries = static_cast<std::uint32_t>(std::min<std::size_t>(*count, UINT32_MAX));
    return {};
  }
  if (argument.id == OptionId::retry_delay) return set_seconds(argument.id, argument.value, retries.delay);
  if (argument.id == OptionId::retry_max_time) return set_seconds(argument.id, argument.value, retries.max_time);
  std::optional<Duration> seconds;
  const Status ok = set_seconds(argument.id, argument.value, seconds);
  group_.settings.continue_timeout = seconds.value_or(Duration::zero());
  return ok;
}

// As in curl: a file that is named must exist, ~/.netrc need not.
CommandBuilder::Status CommandBuilder::read_netrc() {
  if (!group_.netrc && !group_.netrc_optional && group_.netrc_file.empty()) return {};
  const bool named = !group_.netrc_file.empty();
  const std::string path = named ? group_.netrc_file : inputs_.home + "/.netrc";
  auto text = inputs_.read_file(path);
  if (text) {
    group_.settings.netrc = std::make_shared<const std::string>(*std::move(text));
  } else if (named && !group_.netrc_optional) {
    return bad(OptionId::netrc_file, "cannot read '" + printable(path) + "': " + text.error(), 26);
  } else if (!group_.netrc_optional) {
    command_.warnings.push_back("option --netrc: cannot read '" + printable(path) + "': " + text.error());
  }
  return {};
}

CommandBuilder::Status CommandBuilder::set_create_file_mode(const std::string& value) {
  const auto mode = parse_file_mode(value);
  if (!mode) return bad(OptionId::create_file_mode, mode.error());
  group_.settings.create_file_mode = *mode;
  return {};
}

CommandBuilder::Status CommandBuilder::set_max_filesize(const std::string& value) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return bad(OptionId::max_filesize, bytes.error());
  group_.settings.max_filesize = *bytes == 0 ? std::nullopt : std::optional(*bytes);
  return {};
}

CommandBuilder::Status CommandBuilder::set_limit_rate(const std::string& value) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return bad(OptionId::limit_rate, bytes.error());
  TransferLimits& limits = group_.settings.limits;
  limits.max_receive_rate = limits.max_send_rate = *bytes == 0 ? std::nullopt : std::optional(*bytes);
  return {};
}

// As in curl, of -y and -Y each implies the other with its default; 0 turns both off.
CommandBuilder::Status CommandBuilder::set_speed_limit(const std::string& value) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return bad(OptionId::speed_limit, bytes.error());
  group_.settings.limits.low_rate = *bytes == 0 ? std::nullopt : std::optional(*bytes);
  return {};
}

CommandBuilder::Status CommandBuilder::set_speed_time(const std::string& value) {
  std::optional<Duration> time;
  if (auto done = set_seconds(OptionId::speed_time, value, time); !done) return done;
  TransferLimits& limits = group_.settings.limits;
  if (!time) {
    limits.low_rate.reset();
    return {};
  }
  limits.low_period = *time;
  if (!limits.low_rate) limits.low_rate = 1;
  return {};
}

// As in curl: with a '=' it is data, else a file, which need not exist; "" only lets cookies be kept.
CommandBuilder::Status CommandBuilder::add_cookies(const std::string& value) {
  if (value.find('=') != std::string::npos) {
    std::string& all = group_.cookie_data;
    all += (all.empty() ? "" : "; ") + value;
    return {};
  }
  group_.settings.cookies = true;
  if (value.empty()) return {};
  auto text = value == "-" ? inputs_.read_stdin() : inputs_.read_file(value);
  if (text) {
    group_.cookie_files.push_back({value, *std::move(text)});
  } else if (text.error() != std::strerror(ENOENT) || command_.verbose) {
    command_.warnings.push_back("option --cookie: cannot read '" + printable(value) + "': " + text.error());
  }
  return {};
}

CommandBuilder::Status CommandBuilder::set_continue_at(const std::string& value) {
  Settings::ContinueAt& at = group_.settings.continue_at.emplace();
  if (value == "-") return {};
  const auto bytes = parse_bytes(value);
  if (!bytes) return bad(OptionId::continue_at, bytes.error());
  at.bytes = *bytes;
  return {};
}

CommandBuilder::Status CommandBuilder::set_segments(const std::string& value) {
  constexpr std::size_t kMostSegments = 64;
  const auto count = parse_count(value);
  if (!count) return bad(OptionId::segments, count.error());
  if (*count == 0 || *count > kMostSegments) return bad(OptionId::segments, "expected a number from 1 to 64");
  group_.settings.segments = *count;
  return {};
}

CommandBuilder::Status CommandBuilder::set_range(const std::string& value) {
  if (!is_range(value)) return bad(OptionId::range, "expected 0-99, 500- or -200, not '" + printable(value) + "'");
  group_.range = value;
  return {};
}

// As in curl, the last of these counts, with what it says of the kind; but -x leaves what --proxy-http2 has said.
void CommandBuilder::set_proxy(const Argument& argument) {
  ProxySettings& proxies = group_.settings.proxies;
  const bool is_plain = argument.id == OptionId::proxy;
  proxies.proxy = argument.value;
  proxies.kind = argument.id == OptionId::socks4            ? ProxyKind::socks4
                 : argument.id == OptionId::socks4a         ? ProxyKind::socks4a
                 : argument.id == OptionId::socks5          ? ProxyKind::socks5
                 : argument.id == OptionId::socks5_hostname ? ProxyKind::socks5h
                 : is_plain && proxies.http2                ? ProxyKind::https
                                                            : ProxyKind::http;
  proxies.http1_0 = argument.id == OptionId::proxy1_0;
  proxies.http2 = is_plain && proxies.http2;
}

CommandBuilder::Status CommandBuilder::set_proxy_http2(bool on) {
  if (on && !features().http2) return bad(OptionId::proxy_http2, "this sluice was built without libnghttp2");
  ProxySettings& proxies = group_.settings.proxies;
  proxies.kind = ProxyKind::https;
  proxies.http1_0 = false;
  proxies.http2 = on;
  return {};
}

CommandBuilder::Status CommandBuilder::set_negotiate(OptionId id, bool on, AuthSchemes& asked) {
  if (on && !has_gssapi()) return bad(id, "this sluice was built without GSSAPI");
  asked.negotiate = on;
  return {};
}

// As in curl: another word is none, with a warning.
void CommandBuilder::set_delegation(const std::string& value) {
  GssapiDelegation& level = group_.settings.delegation;
  level = equals_ignoring_case(value, "always")   ? GssapiDelegation::always
          : equals_ignoring_case(value, "policy") ? GssapiDelegation::policy
                                                  : GssapiDelegation::none;
  if (level == GssapiDelegation::none && !equals_ignoring_case(value, "none")) {
    warn("option --delegation: '" + printable(value) + "' is not one of none, policy, always; none is taken");
  }
}

CommandBuilder::Status CommandBuilder::set_write_out(const std::string& value) {
  group_.settings.write_out = value;
  if (!value.starts_with('@')) return {};
  auto text = read(OptionId::write_out, value.substr(1));
  if (!text) return std::unexpected(text.error());
  // As in curl: line ends and NULs in the file are dropped, "
  // " is a line end.
  std::erase_if(*text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  group_.settings.write_out = std::move(*text);
  return {};
}

}  // namespace sluice::cli
