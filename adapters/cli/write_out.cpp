// See write_out.hpp. The variables are in one table, which %{json} lists in its order; then the syntax of the format.
#include "adapters/cli/write_out.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "adapters/cli/text.hpp"
#include "adapters/cli/version.hpp"
#include "adapters/cli/write_out_json.hpp"
#include "adapters/cli/write_out_time.hpp"
#include "core/base/ascii.hpp"
#include "core/certificate.hpp"
#include "core/http_date.hpp"
#include "core/url.hpp"

namespace sluice::cli {

namespace {

// A status is three digits as text and a number in JSON; an absent text is null there.
struct Status {
  int value;
};
using Text = std::optional<std::string>;
using Value = std::variant<Text, std::uint64_t, std::int64_t, Status, Duration>;
using Facts = WriteOutFacts;

// Cut, not rounded, as in curl.
std::uint64_t per_second(std::uint64_t bytes, Duration time) {
  constexpr std::uint64_t kMicroseconds = 1'000'000;
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const auto all = static_cast<std::uint64_t>(std::max<std::int64_t>(1, count));
  const bool fits = bytes <= std::numeric_limits<std::uint64_t>::max() / kMicroseconds;
  return fits ? bytes * kMicroseconds / all : bytes / std::max<std::uint64_t>(1, all / kMicroseconds);
}

Value content_type(const Facts& f) {
  const auto value = f.fields == nullptr ? std::nullopt : f.fields->find("Content-Type");
  return value ? Text(std::in_place, *value) : std::nullopt;
}

// Of each what it says, then the certificate itself.
Value certificates(const Facts& f) {
  std::string all;
  for (const std::string& der : f.certificates) all.append(certificate_text(der)).append(certificate_pem(der));
  return all;
}

// The parts of a URL, as curl_url_get() gives them: null for a part that is absent or empty, an IPv6 address in
// brackets, and always a port. As Url normalises, hosts are in lower case, which curl does not do.
Text fragment_of(const Url& url) { return unless_empty(url.fragment().value_or("")); }
Text host_of(const Url& url) {
  const std::string host(url.host());
  return url.host_kind() == HostKind::ipv6 ? "[" + host + "]" : host;
}
Text options_of(const Url&) { return std::nullopt; }  // of mail protocols
Text password_of(const Url& url) { return unless_empty(url.password()); }
Text path_of(const Url& url) { return std::string(url.path()); }
Text port_of(const Url& url) { return std::to_string(url.port()); }
Text query_of(const Url& url) { return unless_empty(url.query().value_or("")); }
Text scheme_of(const Url& url) { return std::string(url.scheme()); }
Text user_of(const Url& url) { return unless_empty(url.user()); }
Text zone_of(const Url& url) { return unless_empty(url.zone()); }

using Part = Text (*)(const Url&);

Value part_of(const std::string& text, Part part) {
  const auto url = Url::parse_typed(text);
  return url ? part(*url) : std::nullopt;
}
template <Part kPart>
Value given(const Facts& f) {
  return part_of(f.url, kPart);
}
template <Part kPart>
Value effective(const Facts& f) {
  return part_of(f.url_effective, kPart);
}

struct Variable {
  std::string_view name;
  Value (*value)(const Facts&);
};

// Sorted by name.
constexpr Variable kVariables[] = {
    {"certs", certificates},
    {"conn_id", [](const Facts& f) -> Value { return f.conn_id; }},
    {"content_type", content_type},
    {"errormsg", [](const Facts& f) -> Value { return unless_empty(f.error_message); }},
    {"exitcode", [](const Facts& f) -> Value { return std::int64_t{f.exit_code}; }},
    {"filename_effective", [](const Facts& f) -> Value { return unless_empty(f.filename_effective); }},
    {"ftp_entry_path", [](const Facts&) -> Value { return std::nullopt; }},
    {"http_code", [](const Facts& f) -> Value { return Status{f.status}; }},
    {"http_connect", [](const Facts& f) -> Value { return Status{f.http_connect}; }},
    {"http_version", [](const Facts& f) -> Value { return f.http_version.empty() ? "0" : f.http_version; }},
    {"local_ip", [](const Facts& f) -> Value { return f.local_ip; }},
    {"local_port", [](const Facts& f) -> Value { return std::uint64_t{f.local_port}; }},
    {"method", [](const Facts& f) -> Value { return unless_empty(f.method); }},
    {"num_certs", [](const Facts& f) -> Value { return std::uint64_t{f.certificates.size()}; }},
    {"num_connects", [](const Facts& f) -> Value { return f.num_connects; }},
    {"num_headers", [](const Facts& f) -> Value { return std::uint64_t{f.fields == nullptr ? 0 : f.fields->size()}; }},
    {"num_redirects", [](const Facts& f) -> Value { return f.num_redirects; }},
    {"num_retries", [](const Facts& f) -> Value { return f.num_retries; }},
    {"proxy_ssl_verify_result", [](const Facts& f) -> Value { return std::int64_t{f.proxy_ssl_verify_result}; }},
    {"proxy_used", [](const Facts& f) -> Value { return std::uint64_t{f.proxy_used}; }},
    {"redirect_url", [](const Facts& f) -> Value { return unless_empty(f.redirect_url); }},
    {"referer", [](const Facts& f) -> Value { return unless_empty(f.referer); }},
    {"remote_ip", [](const Facts& f) -> Value { return f.remote_ip; }},
    {"remote_port", [](const Facts& f) -> Value { return std::uint64_t{f.remote_port}; }},
    {"response_code", [](const Facts& f) -> Value { return Status{f.status}; }},
    {"scheme", [](const Facts& f) -> Value { return unless_empty(f.scheme); }},
    {"size_delivered", [](const Facts& f) -> Value { return f.size_delivered; }},
    {"size_download", [](const Facts& f) -> Value { return f.size_download; }},
    {"size_header", [](const Facts& f) -> Value { return f.size_header; }},
    {"size_request", [](const Facts& f) -> Value { return f.size_request; }},
    {"size_upload", [](const Facts& f) -> Value { return f.size_upload; }},
    {"speed_download", [](const Facts& f) -> Value { return per_second(f.size_download, f.time_total); }},
    {"speed_upload", [](const Facts& f) -> Value { return per_second(f.size_upload, f.time_total); }},
    {"ssl_verify_result", [](const Facts& f) -> Value { return std::int64_t{f.ssl_verify_result}; }},
    {"time_appconnect", [](const Facts& f) -> Value { return f.time_appconnect; }},
    {"time_connect", [](const Facts& f) -> Value { return f.time_connect; }},
    {"time_namelookup", [](const Facts& f) -> Value { return f.time_namelookup; }},
    {"time_posttransfer", [](const Facts& f) -> Value { return f.time_posttransfer; }},
    {"time_pretransfer", [](const Facts& f) -> Value { return f.time_pretransfer; }},
    {"time_queue", [](const Facts&) -> Value { return Duration::zero(); }},  // nothing measures it
    {"time_redirect", [](const Facts& f) -> Value { return f.time_redirect; }},
    {"time_starttransfer", [](const Facts& f) -> Value { return f.time_starttransfer; }},
    {"time_total", [](const Facts& f) -> Value { return f.time_total; }},
    {"tls_earlydata", [](const Facts& f) -> Value { return f.tls_earlydata; }},
    {"url", [](const Facts& f) -> Value { return unless_empty(f.url); }},
    {"url.fragment", given<fragment_of>},
    {"url.host", given<host_of>},
    {"url.options", given<options_of>},
    {"url.password", given<password_of>},
    {"url.path", given<path_of>},
    {"url.port", given<port_of>},
    {"url.query", given<query_of>},
    {"url.scheme", given<scheme_of>},
    {"url.user", given<user_of>},
    {"url.zoneid", given<zone_of>},
    {"url_effective", [](const Facts& f) -> Value { return unless_empty(f.url_effective); }},
    {"urle.fragment", effective<fragment_of>},
    {"urle.host", effective<host_of>},
    {"urle.options", effective<options_of>},
    {"urle.password", effective<password_of>},
    {"urle.path", effective<path_of>},
    {"urle.port", effective<port_of>},
    {"urle.query", effective<query_of>},
    {"urle.scheme", effective<scheme_of>},
    {"urle.user", effective<user_of>},
    {"urle.zoneid", effective<zone_of>},
    {"urlnum", [](const Facts& f) -> Value { return f.url_number; }},
    {"xfer_id", [](const Facts& f) -> Value { return f.xfer_id; }},
};

std::string plain(const Value& value) {
  struct Visitor {
    std::string operator()(const Text& text) const { return text.value_or(""); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(Status status) const {
      std::string digits;
      append_padded(digits, status.value, 3);
      return digits;
    }
    std::string operator()(Duration time) const { return seconds_text(time); }
  };
  return std::visit(Visitor{}, value);
}

void add_member(JsonObject& object, std::string_view name, const Value& value) {
  struct Visitor {
    JsonObject& object;
    std::string_view name;
    void operator()(const Text& text) const { object.add_text(name, text); }
    void operator()(std::uint64_t number) const { object.add_number(name, number); }
    void operator()(std::int64_t number) const { object.add_number(name, number); }
    void operator()(Status status) const { object.add_number(name, status.value); }
    void operator()(Duration time) const { object.add_seconds(name, time); }
  };
  std::visit(Visitor{object, name}, value);
}

// As in curl, the version is the last member, and no variable.
std::string all_as_json(const Facts& facts) {
  JsonObject object;
  for (const Variable& variable : kVariables) add_member(object, variable.name, variable.value(facts));
  object.add_text("sluice_version", kVersion);
  object.add_text("curl_version", "sluice " + std::string(kVersion));
  return object.text();
}

// The byte that a backslash and this letter mean; 0: they mean nothing.
constexpr char escaped_by(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

// Removes a construct from the front of the text: `begin`, content, '}'. Returns the content; nullopt: no such
// construct is there, and nothing is removed. `escapes`: "\}" does not end it.
std::optional<std::string_view> take_braced(std::string_view& rest, std::string_view begin, bool escapes = false) {
  if (!rest.starts_with(begin)) return std::nullopt;
  std::size_t close = rest.find('}', begin.size());
  while (escapes && close != std::string_view::npos && rest[close - 1] == '\\') close = rest.find('}', close + 1);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view content = rest.substr(begin.size(), close - begin.size());
  rest.remove_prefix(close + 1);
  return content;
}

class Writer {
 public:
  explicit Writer(const Facts& facts) : facts_(facts) {}

  WriteOutText write(std::string_view rest) {
    while (!rest.empty() && !stopped_) {
      const std::size_t mark = rest.find_first_of("%\\");
      out() += rest.substr(0, mark);
      rest.remove_prefix(mark == std::string_view::npos ? rest.size() : mark);
      if (rest.starts_with('%'))
        percent(rest);
      else if (!rest.empty())
        backslash(rest);
    }
    return std::move(text_);
  }

 private:
  enum class Target : std::uint8_t { standard_output, standard_error, file };

  std::string& out() {
    switch (target_) {
      case Target::standard_output:
        break;
      case Target::standard_error:
        return text_.to_stderr;
      case Target::file:
        return text_.files.back().text;
    }
    return text_.to_stdout;
  }

  void percent(std::string_view& rest) {
    if (rest.starts_with("%%")) {
      out() += '%';
      rest.remove_prefix(2);
    } else if (const auto name = take_braced(rest, "%{")) {
      variable(*name);
    } else if (const auto fields = take_braced(rest, "%header{", true)) {
      header(*fields);
    } else if (const auto file = take_braced(rest, "%output{")) {
      const bool append = file->starts_with(">>");
      text_.files.push_back({std::string(file->substr(append ? 2 : 0)), append, ""});
      target_ = Target::file;
    } else if (const auto format = take_braced(rest, "%time{")) {
      append_time(out(), *format, facts_.now);
    } else {
      take_two(rest);
    }
  }

  // "name", or "name:all:separator" for the values of all fields with that name.
  void header(std::string_view text) {
    constexpr std::string_view kAll = ":all:";
    if (facts_.fields == nullptr) return;
    const std::size_t at = text.find(kAll);
    if (at == std::string_view::npos) {
      out() += facts_.fields->find(text).value_or("");
      return;
    }
    bool is_first = true;
    for (const Field field : *facts_.fields) {
      if (!equals_ignoring_case(field.name, text.substr(0, at))) continue;
      if (!is_first) separate(text.substr(at + kAll.size()));
      out() += field.value;
      is_first = false;
    }
  }

  void separate(std::string_view separator) {
    for (std::size_t i = 0; i < separator.size(); ++i) {
      const char next = separator[i] == '\\' && i + 1 < separator.size() ? separator[i + 1] : '\0';
      const char meant = next == '}' ? next : escaped_by(next);
      out() += meant != '\0' ? meant : separator[i];
      if (meant != '\0') ++i;
    }
  }

  void backslash(std::string_view& rest) {
    const char meant = rest.size() > 1 ? escaped_by(rest[1]) : '\0';
    if (meant == '\0') return take_two(rest);
    out() += meant;
    rest.remove_prefix(2);
  }

  // An unknown sequence is written as it is.
  void take_two(std::string_view& rest) {
    const std::size_t count = std::min<std::size_t>(2, rest.size());
    out() += rest.substr(0, count);
    rest.remove_prefix(count);
  }

  void variable(std::string_view name) {
    if (name == "stdout")
      target_ = Target::standard_output;
    else if (name == "stderr")
      target_ = Target::standard_error;
    else if (name == "onerror")
      stopped_ = facts_.exit_code == 0;
    else if (name == "json")
      out() += all_as_json(facts_);
    else if (name == "header_json")
      out() += fields_as_json(facts_.fields);
    else if (const Variable* found = find(name))
      out() += plain(found->value(facts_));
    else
      text_.to_stderr += "sluice: unknown --write-out variable: '" + printable(name) + "'\n";
  }

  static const Variable* find(std::string_view name) {
    const auto has_name = [name](const Variable& variable) { return equals_ignoring_case(variable.name, name); };
    const auto* found = std::find_if(std::begin(kVariables), std::end(kVariables), has_name);
    return found == std::end(kVariables) ? nullptr : found;
  }

  const Facts& facts_;
  WriteOutText text_;
  Target target_ = Target::standard_output;
  bool stopped_ = false;
};

}  // namespace

bool write_out_names(std::string_view format, std::string_view variable) {
  for (std::size_t at = format.find("%{"); at != std::string_view::npos; at = format.find("%{", at + 1)) {
    std::string_view rest = format.substr(at);
    const auto name = take_braced(rest, "%{");
    if (name && (*name == "json" || equals_ignoring_case(*name, variable))) return true;
  }
  return false;
}

WriteOutText write_out(std::string_view format, const WriteOutFacts& facts) { return Writer(facts).write(format); }

}  // namespace sluice::cli
