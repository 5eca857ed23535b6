// See write_out.hpp. The variables are in one table, which %{json} lists in its order; then the syntax of the format.
#include "adapters/cli/write_out.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "adapters/cli/text.hpp"
#include "adapters/cli/version.hpp"
#include "core/base/ascii.hpp"

namespace sluice::cli {

namespace {

// A status is three digits as text and a number in JSON; an absent text is null there.
struct Status {
  int value;
};
using Value = std::variant<std::string, std::optional<std::string>, std::uint64_t, Status, Duration>;
using Facts = WriteOutFacts;

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::uint64_t per_second(std::uint64_t bytes, Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds > 0 ? static_cast<std::uint64_t>(std::llround(static_cast<double>(bytes) / seconds)) : bytes;
}

std::string upper_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Value content_type(const Facts& f) {
  const auto value = f.fields == nullptr ? std::nullopt : f.fields->find("Content-Type");
  return value ? std::optional(std::string(*value)) : std::nullopt;
}

struct Variable {
  std::string_view name;
  Value (*value)(const Facts&);
};

// Sorted by name.
constexpr Variable kVariables[] = {
    {"content_type", content_type},
    {"errormsg", [](const Facts& f) -> Value { return unless_empty(f.error_message); }},
    {"exitcode", [](const Facts& f) -> Value { return static_cast<std::uint64_t>(f.exit_code); }},
    {"filename_effective", [](const Facts& f) -> Value { return unless_empty(f.filename_effective); }},
    {"http_code", [](const Facts& f) -> Value { return Status{f.status}; }},
    {"http_connect", [](const Facts&) -> Value { return Status{0}; }},
    {"http_version", [](const Facts& f) -> Value { return f.http_version.empty() ? "0" : f.http_version; }},
    {"method", [](const Facts& f) -> Value { return unless_empty(f.method); }},
    {"num_connects", [](const Facts& f) -> Value { return f.num_connects; }},
    {"num_headers", [](const Facts& f) -> Value { return std::uint64_t{f.fields == nullptr ? 0 : f.fields->size()}; }},
    {"num_redirects", [](const Facts& f) -> Value { return f.num_redirects; }},
    {"redirect_url", [](const Facts& f) -> Value { return unless_empty(f.redirect_url); }},
    {"referer", [](const Facts& f) -> Value { return unless_empty(f.referer); }},
    {"remote_ip", [](const Facts& f) -> Value { return f.remote_ip; }},
    {"remote_port", [](const Facts& f) -> Value { return std::uint64_t{f.remote_port}; }},
    {"response_code", [](const Facts& f) -> Value { return Status{f.status}; }},
    {"scheme", [](const Facts& f) -> Value { return unless_empty(upper_case(f.scheme)); }},
    {"size_download", [](const Facts& f) -> Value { return f.size_download; }},
    {"size_header", [](const Facts& f) -> Value { return f.size_header; }},
    {"size_request", [](const Facts& f) -> Value { return f.size_request; }},
    {"size_upload", [](const Facts& f) -> Value { return f.size_upload; }},
    {"speed_download", [](const Facts& f) -> Value { return per_second(f.size_download, f.time_total); }},
    {"speed_upload", [](const Facts& f) -> Value { return per_second(f.size_upload, f.time_total); }},
    {"ssl_verify_result", [](const Facts& f) -> Value { return static_cast<std::uint64_t>(f.ssl_verify_result); }},
    {"time_appconnect", [](const Facts& f) -> Value { return f.time_appconnect; }},
    {"time_connect", [](const Facts& f) -> Value { return f.time_connect; }},
    {"time_namelookup", [](const Facts& f) -> Value { return f.time_namelookup; }},
    {"time_pretransfer", [](const Facts& f) -> Value { return f.time_pretransfer; }},
    {"time_redirect", [](const Facts& f) -> Value { return f.time_redirect; }},
    {"time_starttransfer", [](const Facts& f) -> Value { return f.time_starttransfer; }},
    {"time_total", [](const Facts& f) -> Value { return f.time_total; }},
    {"url", [](const Facts& f) -> Value { return unless_empty(f.url); }},
    {"url_effective", [](const Facts& f) -> Value { return unless_empty(f.url_effective); }},
    {"urlnum", [](const Facts& f) -> Value { return f.url_number; }},
};

std::string seconds_text(Duration time) {
  char text[40];
  const auto us = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(us / 1'000'000),
                static_cast<long long>(us % 1'000'000));
  return text;
}

std::string plain(const Value& value) {
  struct Visitor {
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::optional<std::string>& text) const { return text.value_or(""); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(Status status) const {
      const std::string digits = std::to_string(status.value);
      return std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
    }
    std::string operator()(Duration time) const { return seconds_text(time); }
  };
  return std::visit(Visitor{}, value);
}

// RFC 8259 7. Bytes above ASCII are unchanged.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
          out += escape;
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string json_value(const Value& value) {
  struct Visitor {
    std::string operator()(const std::string& text) const { return json_string(text); }
    std::string operator()(const std::optional<std::string>& text) const { return text ? json_string(*text) : "null"; }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(Status status) const { return std::to_string(status.value); }
    std::string operator()(Duration time) const { return seconds_text(time); }
  };
  return std::visit(Visitor{}, value);
}

std::string all_as_json(const Facts& facts) {
  std::string out = "{";
  for (const Variable& variable : kVariables) {
    out += json_string(variable.name) + ":" + json_value(variable.value(facts)) + ",";
  }
  return out + "\"sluice_version\":" + json_string(kVersion) + "}";
}

// Names in lower case and in the order of their first field, each with all its values.
std::string fields_as_json(const Fields* fields) {
  std::map<std::string, std::size_t> places;
  std::vector<std::string> entries;
  for (std::size_t i = 0; fields != nullptr && i < fields->size(); ++i) {
    const Field field = fields->at(i);
    const std::string name = to_lower(field.name);
    const auto [place, is_new] = places.try_emplace(name, entries.size());
    if (is_new)
      entries.push_back(json_string(name) + ":[" + json_string(field.value));
    else
      entries[place->second] += "," + json_string(field.value);
  }
  std::string out = "{";
  for (std::size_t i = 0; i < entries.size(); ++i) out += (i == 0 ? "" : ",\n") + entries[i] + "]";
  return out + "\n}";
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
  std::string& out() { return to_stderr_ ? text_.to_stderr : text_.to_stdout; }

  void percent(std::string_view& rest) {
    constexpr std::string_view kHeader = "%header{";
    const std::size_t close = rest.find('}');
    if (rest.starts_with("%%")) {
      out() += '%';
      rest.remove_prefix(2);
    } else if (rest.starts_with("%{") && close != std::string_view::npos) {
      variable(rest.substr(2, close - 2));
      rest.remove_prefix(close + 1);
    } else if (rest.starts_with(kHeader) && close != std::string_view::npos) {
      const std::string_view name = rest.substr(kHeader.size(), close - kHeader.size());
      if (facts_.fields != nullptr) out() += facts_.fields->find(name).value_or("");
      rest.remove_prefix(close + 1);
    } else {
      take_two(rest);
    }
  }

  void backslash(std::string_view& rest) {
    const char next = rest.size() > 1 ? rest[1] : '\0';
    if (next != 'n' && next != 'r' && next != 't') return take_two(rest);
    out() += next == 'n' ? '\n' : next == 'r' ? '\r' : '\t';
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
      to_stderr_ = false;
    else if (name == "stderr")
      to_stderr_ = true;
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
  bool to_stderr_ = false;
  bool stopped_ = false;
};

}  // namespace

WriteOutText write_out(std::string_view format, const WriteOutFacts& facts) { return Writer(facts).write(format); }

}  // namespace sluice::cli
