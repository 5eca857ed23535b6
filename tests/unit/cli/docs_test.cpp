// The manual page and the completions: every option is in each, and none breaks the format that its reader expects.
#include "adapters/cli/docs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/cli/option_table.hpp"

namespace sluice::cli {

namespace {

std::vector<std::string> doc_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool doc_holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string roff_text(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '-' ? "\\-" : std::string(1, c);
  return out;
}

// An escaped quote is no quote.
std::string without(std::string text, std::string_view escape) {
  for (std::size_t at = text.find(escape); at != std::string::npos; at = text.find(escape, at)) {
    text.erase(at, escape.size());
  }
  return text;
}

std::ptrdiff_t quotes(const std::string& line) { return std::ranges::count(line, '\''); }

}  // namespace

TEST_CASE("docs: the manual page has every option, and no line that roff would take for something else") {
  const std::string page = man_page();
  CHECK(page.starts_with(".TH SLUICE 1 "));
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES"}) {
    CHECK(doc_holds(page, "\n.SH " + std::string(section) + "\n"));
  }
  for (const OptionSpec& spec : option_table()) {
    CAPTURE(spec.long_name);
    CHECK(doc_holds(page, "\\fB" + roff_text(spec.dashed()) + "\\fR"));
    CHECK(doc_holds(page, roff_text(spec.help)));
    if (spec.short_name != 0) CHECK(doc_holds(page, "\\fB\\-" + std::string{spec.short_name} + "\\fR"));
    CHECK_FALSE(doc_holds(std::string(spec.help), "\\"));
  }
  for (const std::string& line : doc_lines(page)) {
    CAPTURE(line);
    CHECK_FALSE(line.starts_with("'"));
    constexpr std::string_view kRequests[] = {".TH", ".SH", ".SS", ".TP", ".PP", ".BR", ".nf", ".fi", ".nh", ".ad"};
    if (line.starts_with('.')) CHECK(std::ranges::find(kRequests, line.substr(0, 3)) != std::end(kRequests));
  }
}

TEST_CASE("docs: the completions have every name of every option, and keep to their quotes") {
  std::string spaced = bash_completion();
  std::ranges::replace(spaced, '\'', ' ');  // each word of its lists is then between blanks
  const std::string& bash = spaced;
  const std::string zsh = zsh_completion();
  const std::string fish = fish_completion();
  for (const OptionSpec& spec : option_table()) {
    CAPTURE(spec.long_name);
    CHECK(doc_holds(bash, " " + spec.dashed() + " "));
    CHECK(doc_holds(zsh, "'*" + spec.dashed() + (spec.takes_value() ? "=[" : "[")));
    CHECK(doc_holds(fish, " -l " + std::string(spec.long_name) + " "));
    if (spec.short_name != 0) {
      CHECK(doc_holds(bash, " -" + std::string{spec.short_name} + " "));
      const std::string letter = spec.short_name == ':' ? "\\:" : std::string{spec.short_name};
      CHECK(doc_holds(zsh, "'*-" + letter + (spec.takes_value() ? "+[" : "[")));
      CHECK(doc_holds(fish, " -s '" + std::string{spec.short_name} + "' "));
    }
    if (!spec.off_name.empty()) {
      for (const std::string* text : {&bash, &zsh, &fish}) CHECK(doc_holds(*text, spec.off_name));
    }
  }
  CHECK(doc_holds(bash, "    -o|--output) compopt -o filenames; "));
  CHECK(doc_holds(zsh, "'*--output-dir=[put the files of -o and -O into DIR]:DIR:_files -/'"));
  CHECK(doc_holds(fish, "complete -c sluice -l loop -x -a 'select poll epoll libuv' "));
  for (const std::string& line : doc_lines(without(zsh, "'\\''"))) CHECK_MESSAGE(quotes(line) % 2 == 0, line);
  for (const std::string& line : doc_lines(without(fish, "\\'"))) CHECK_MESSAGE(quotes(line) % 2 == 0, line);
}

}  // namespace sluice::cli
