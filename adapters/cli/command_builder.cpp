// See command_builder.hpp. What each option does.
#include "adapters/cli/command_builder.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <tuple>

#include "adapters/cli/operations.hpp"
#include "adapters/cli/option_values.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/transport.hpp"
#include "core/features.hpp"

namespace sluice::cli {

CommandBuilder::Status CommandBuilder::apply(const Argument& argument) {
  Settings& settings = group_.settings;
  const std::string& value = argument.value;
  const bool on = argument.on;
  switch (argument.id) {
    case OptionId::operand:
    case OptionId::url:
      group_.add_url(value);
      break;
    case OptionId::output:
      return add_output(value);
    case OptionId::remote_name:
      // As curl: it has no effect on a URL that would not use its remote name.
      if (on || group_.remote_name_all) group_.add_output(std::nullopt, on);
      break;
    case OptionId::remote_name_all:
      group_.remote_name_all = on;
      break;
    case OptionId::output_dir:
      group_.output_dir = value;
      break;
    case OptionId::create_dirs:
      settings.create_dirs = on;
      break;
    case OptionId::remove_on_error:
      settings.remove_on_error = on;
      break;
    case OptionId::include:
      settings.include_head = on;
      break;
    case OptionId::head:
      group_.head = on;
      break;
    case OptionId::dump_header:
      settings.dump_header = value;
      break;
    case OptionId::write_out:
      return set_write_out(value);
    case OptionId::fail:
      settings.fail = on;
      break;
    case OptionId::fail_with_body:
      settings.fail_with_body = on;
      break;
    case OptionId::silent:
      command_.silent = on;
      break;
    case OptionId::show_error:
      command_.show_error = on;
      break;
    case OptionId::verbose:
      command_.verbose = on;
      break;
    case OptionId::progress_meter:
      command_.no_progress_meter = on;
      break;
    case OptionId::request:
      group_.method = value;
      break;
    case OptionId::header:
      return add_header(value);
    case OptionId::data:
    case OptionId::data_raw:
    case OptionId::data_binary:
    case OptionId::json:
      return add_data(argument);
    case OptionId::get:
      group_.get = on;
      break;
    case OptionId::upload_file:
      group_.add_upload(value);
      break;
    case OptionId::range:
      return set_range(value);
    case OptionId::user:
      group_.user = value;
      break;
    case OptionId::user_agent:
      group_.user_agent = value;
      break;
    case OptionId::referer:
      group_.referer = value;
      break;
    case OptionId::location:
      group_.follows = on ? OptionGroup::Follow::location : OptionGroup::Follow::no;
      break;
    case OptionId::follow:
      group_.follows = on ? OptionGroup::Follow::follow : OptionGroup::Follow::no;
      break;
    case OptionId::max_redirs:
    case OptionId::proto:
    case OptionId::proto_redir:
      return set_redirects(argument);
    case OptionId::location_trusted:
      group_.redirects.trust_other_origins = on;
      group_.follows = on ? OptionGroup::Follow::location : OptionGroup::Follow::no;
      break;
    case OptionId::post301:
      group_.redirects.keep_post_301 = on;
      break;
    case OptionId::post302:
      group_.redirects.keep_post_302 = on;
      break;
    case OptionId::post303:
      group_.redirects.keep_post_303 = on;
      break;
    case OptionId::compressed:
      return set_compressed(on);
    case OptionId::cookie:
      return add_cookies(value);
    case OptionId::cookie_jar:
      settings.cookie_jar = value;
      settings.cookies = true;
      break;
    case OptionId::junk_session_cookies:
      group_.junk_session_cookies = on;
      break;
    case OptionId::insecure:
      settings.insecure = on;
      break;
    case OptionId::cacert:
      settings.cacert = value;
      break;
    case OptionId::capath:
      settings.capath = value;
      break;
    case OptionId::cert:
      std::tie(settings.cert, settings.cert_password) = split_certificate(value);
      break;
    case OptionId::key:
      settings.key = value;
      break;
    case OptionId::tlsv1:
    case OptionId::tlsv1_1:
    case OptionId::tlsv1_2:
      settings.tls_min = TlsVersion::tls1_2;
      break;
    case OptionId::tlsv1_3:
      settings.tls_min = TlsVersion::tls1_3;
      break;
    case OptionId::tls_max:
      return set_tls_max(value);
    case OptionId::max_time:
      return set_seconds(argument.id, value, settings.max_time);
    case OptionId::connect_timeout:
      return set_seconds(argument.id, value, settings.connect_timeout);
    case OptionId::resolve:
      return add_resolve(value);
    case OptionId::connect_to:
      return add_connect_to(value);
    case OptionId::unix_socket:
      return set_unix_socket(value);
    case OptionId::ipv4:
      settings.family = AddressFamily::ipv4;
      break;
    case OptionId::ipv6:
      settings.family = AddressFamily::ipv6;
      break;
    case OptionId::http0_9:
      settings.http0_9 = on;
      break;
    case OptionId::strict:
      settings.strict = on;
      break;
    case OptionId::tls_truncation_ok:
      settings.tls_truncation_ok = on;
      break;
    case OptionId::next:
      return finish_group();
    case OptionId::parallel:
      command_.parallel = on ? ParallelMode::on : ParallelMode::off;
      break;
    case OptionId::parallel_max:
      return set_parallel_max(value);
    case OptionId::fail_early:
      command_.fail_early = on;
      break;
    case OptionId::fail_all:
      command_.fail_all = on;
      break;
    case OptionId::loop:
      return set_loop(value);
    case OptionId::demo:
      command_.demo = true;
      break;
    case OptionId::help:
      command_.help = true;
      break;
    case OptionId::version:
      command_.version = true;
      break;
    // Nothing to do: the command always behaves so, and the options of a config file were applied before.
    case OptionId::no_buffer:
    case OptionId::http1_1:
    case OptionId::globoff:
    case OptionId::config:
    case OptionId::disable:
      break;
  }
  return {};
}

namespace {

std::unexpected<UsageError> bad(OptionId id, std::string_view why, int exit_code = 2) {
  return std::unexpected(UsageError{exit_code, "option " + option_spec(id).dashed() + ": " + std::string(why)});
}

}  // namespace

std::expected<std::string, UsageError> CommandBuilder::read(OptionId id, const std::string& path) {
  auto text = path == "-" ? inputs_.read_stdin() : inputs_.read_file(path);
  if (!text) {
    const std::string name = path == "-" ? "standard input" : "'" + printable(path) + "'";
    return bad(id, "cannot read " + name + ": " + text.error(), 26);
  }
  return std::move(*text);
}

CommandBuilder::Status CommandBuilder::add_output(const std::string& value) {
  if (value.empty()) return bad(OptionId::output, "expected the name of a file");
  group_.add_output(value, false);
  return {};
}

CommandBuilder::Status CommandBuilder::add_header_line(std::string_view line, const std::string& place) {
  if (trimmed(line).empty()) return {};
  // A line end inside an argument does not begin a second field: it is refused when the field is added.
  auto header = parse_header_line(line);
  // The line may be a secret, so the message does not show it.
  if (!header) return bad(OptionId::header, place + "not a field: expected 'Name: value', 'Name:' or 'Name;'");
  group_.headers.push_back(std::move(*header));
  return {};
}

CommandBuilder::Status CommandBuilder::add_header(const std::string& value) {
  if (!value.starts_with('@')) return add_header_line(value, "");
  const std::string path = value.substr(1);
  const auto file = read(OptionId::header, path);
  if (!file) return std::unexpected(file.error());
  std::string_view rest = *file;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    const std::string place = (path == "-" ? "standard input" : printable(path)) + ":" + std::to_string(number) + ": ";
    if (Status ok = add_header_line(line, place); !ok) return ok;
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
  if (!group_.data) {
    group_.data = std::move(bytes);
    return {};
  }
  if (argument.id != OptionId::json) *group_.data += '&';
  *group_.data += bytes;
  return {};
}

// Only the length of the path is checked here; whether the socket exists shows when connecting.
CommandBuilder::Status CommandBuilder::set_unix_socket(const std::string& value) {
  if (auto usable = unix_socket(value); !usable) return bad(OptionId::unix_socket, usable.error().message());
  group_.settings.unix_socket = value;
  return {};
}

CommandBuilder::Status CommandBuilder::set_loop(const std::string& value) {
  const auto kind = parse_loop(value);
  if (!kind) return bad(OptionId::loop, "'" + printable(value) + "' is none of select, poll, epoll and libuv");
  command_.loop = *kind;
  return {};
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

CommandBuilder::Status CommandBuilder::set_parallel_max(const std::string& value) {
  const auto count = parse_count(value);
  if (!count) return bad(OptionId::parallel_max, count.error());
  command_.parallel_max = *count == 0 ? CommandLine().parallel_max : *count;
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

CommandBuilder::Status CommandBuilder::set_compressed(bool on) {
  const Features built = features();
  if (on && !built.zlib && !built.brotli && !built.zstd) {
    return bad(OptionId::compressed, "this sluice was built without zlib, libbrotlidec and libzstd");
  }
  group_.settings.compressed = on;
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

CommandBuilder::Status CommandBuilder::set_range(const std::string& value) {
  if (!is_range(value)) return bad(OptionId::range, "expected 0-99, 500- or -200, not '" + printable(value) + "'");
  group_.range = value;
  return {};
}

CommandBuilder::Status CommandBuilder::set_tls_max(const std::string& value) {
  if (value == "1.2") {
    group_.settings.tls_max = TlsVersion::tls1_2;
  } else if (value == "1.3" || value == "default") {
    group_.settings.tls_max = TlsVersion::tls1_3;
  } else {
    return bad(OptionId::tls_max, "expected 1.2, 1.3 or default, not '" + printable(value) + "'");
  }
  return {};
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

CommandBuilder::Status CommandBuilder::finish_group() {
  // As in curl: a --next before any URL has no effect.
  if (group_.urls == 0) return {};
  const bool surplus = group_.outputs > group_.urls;
  for (CookieFile& file : group_.cookie_files) {
    file.without_session = group_.junk_session_cookies;
    command_.cookie_files.push_back(std::move(file));
  }
  auto operations = make_operations(std::exchange(group_, {}), command_.operations.size());
  if (!operations) return std::unexpected(operations.error());
  if (surplus) command_.warnings.emplace_back("more output options than URLs");
  std::move(operations->begin(), operations->end(), std::back_inserter(command_.operations));
  return {};
}

std::expected<CommandLine, UsageError> CommandBuilder::finish() {
  if (asks_for_text()) return std::move(command_);
  if (group_.urls == 0) return std::unexpected(UsageError{2, std::string(kNoUrl)});
  if (const Status ok = finish_group(); !ok) return std::unexpected(ok.error());
  return std::move(command_);
}

}  // namespace sluice::cli
