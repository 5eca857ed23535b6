// The variables of --variable, and what --expand-OPTION makes of a value with "{{NAME}}" in it. Pure, with curl's
// syntax. Leaves to others: reading files and the environment, and which values are expanded (parse_command_line).
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// The value of --variable: "NAME=TEXT", "NAME@FILE", "%NAME", "%NAME=TEXT" or "%NAME@FILE". After the name "[N-M]" may
// follow: of the content, the bytes from position N, counted from 0, to M or, without M, to the end.
struct VariableSetting {
  enum class Source : std::uint8_t { none, text, file };
  std::string name;               // letters, digits and '_', up to 127
  bool from_environment = false;  // '%': the environment's variable with this name comes first
  Source source = Source::none;   // what counts otherwise; none only with `from_environment`
  std::string value;              // the text, or the path ("-" is the standard input)
  std::uint64_t first = 0;        // of the content: the first byte
  std::uint64_t count = kAll;     // and how many; fewer if there are not so many
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

  std::string part_of(std::string_view content) const {
    return std::string(content.substr(static_cast<std::size_t>(std::min<std::uint64_t>(first, content.size())), count));
  }
  friend bool operator==(const VariableSetting&, const VariableSetting&) = default;
};
// Error: what is wrong, for a message after the option's name.
std::expected<VariableSetting, std::string> parse_variable(std::string_view text);

class Variables {
 public:
  // The content may hold any bytes. Replaces an earlier one.
  void set(std::string name, std::string content) { contents_[std::move(name)] = std::move(content); }

  struct Expanded {
    std::string text;
    std::vector<std::string> warnings;  // of braces that stay as they are, because there is no name in them
  };
  // Replaces "{{NAME}}" by the content, and "{{NAME:trim:json}}" by what the functions make of it, one after the
  // other: trim, json (without quotes around it), url (percent-encoded), b64 and 64dec. A name that was not set is
  // empty; "\{{" is "{{". Error: an unknown function, or a NUL in what is put in. It shows no content.
  std::expected<Expanded, std::string> expand(std::string_view text) const;

 private:
  std::expected<std::string, std::string> content(std::string_view name, std::string_view functions) const;

  std::map<std::string, std::string, std::less<>> contents_;
};

}  // namespace sluice::cli
