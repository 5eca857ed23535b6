// See docs.hpp. One walk over the option table for each text. The table's name for a value says what it is: a file, a
// folder, or a choice.
#include "adapters/cli/docs.hpp"

#include <optional>
#include <string_view>
#include <vector>

#include "adapters/cli/option_table.hpp"
#include "adapters/cli/version.hpp"

namespace sluice::cli {

namespace {

// ---- values ----

enum class ValueKind { other, file, directory, words };

bool has_word(std::string_view name, std::string_view word) {
  return name == word || name.starts_with(std::string(word) + "[");  // FILE[:PASS]
}

std::string_view words_of(const OptionSpec& spec) {
  if (spec.id == OptionId::loop) return "select poll epoll libuv";
  if (spec.id == OptionId::delegation) return "none policy always";
  if (spec.id == OptionId::tls_max) return "1.2 1.3 default";
  if (spec.value_name == "TYPE") return "PEM DER P12";
  if (spec.id == OptionId::request) return "GET HEAD POST PUT PATCH DELETE OPTIONS";
  return "";
}

ValueKind kind_of(const OptionSpec& spec) {
  if (!words_of(spec).empty()) return ValueKind::words;
  if (has_word(spec.value_name, "FILE") || spec.value_name == "PATH") return ValueKind::file;
  if (spec.value_name == "DIR") return ValueKind::directory;
  return ValueKind::other;
}

// All spellings with dashes, the short one first.
std::vector<std::string> names_of(const OptionSpec& spec) {
  std::vector<std::string> names;
  if (spec.short_name != 0) names.push_back(std::string{'-', spec.short_name});
  names.push_back(spec.dashed());
  if (!spec.alias.empty()) names.push_back("--" + std::string(spec.alias));
  if (!spec.off_name.empty()) names.push_back("--" + std::string(spec.off_name));
  return names;
}

std::string with_each(std::string_view text, std::string_view special, std::string_view before) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += before;
    out += c;
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) out.append(out.empty() ? "" : between).append(part);
  return out;
}

// ---- the manual page ----

// Escapes hyphens, so that they can be copied into a terminal, and line starts that roff would take for a request. The
// table has no backslash.
std::string roff(std::string_view text) {
  std::string escaped = with_each(text, "-", "\\");
  if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
  return escaped;
}

void append_man_row(std::string& out, const OptionSpec& spec) {
  std::string names;
  if (spec.short_name != 0) names = "\\fB\\-" + std::string{spec.short_name} + "\\fR, ";
  names += "\\fB" + roff(spec.dashed()) + "\\fR";
  if (!spec.alias.empty()) names += ", \\fB" + roff("--" + std::string(spec.alias)) + "\\fR";
  if (spec.takes_value()) names += " \\fI" + roff(spec.value_name) + "\\fR";
  out += ".TP\n" + names + "\n" + roff(spec.help) + ".\n";
  if (!spec.off_name.empty()) out += "Switched off by \\fB" + roff("--" + std::string(spec.off_name)) + "\\fR.\n";
}

constexpr std::string_view kManHead = R"(.SH NAME
sluice \- move many HTTP transfers at once
.SH SYNOPSIS
\fBsluice\fR [\fIoptions\fR] \fIURL\fR...
.SH DESCRIPTION
\fBsluice\fR fetches and sends over HTTP/1.1 and HTTP/2, plain and over TLS 1.2 and 1.3. Options mean what they mean in
.BR curl (1).
.PP
Transfers run in parallel where every one goes to a file, and in order where one goes to standard output. The n-th
\fB\-o\fR, \fB\-O\fR or \fB\-T\fR belongs to the n-th URL, wherever it is written. A URL without a scheme gets
http://; {a,b} and [1\-9] in it, or in the file of \fB\-T\fR, stand for several.
.PP
A value follows its option as the next argument, after '=' (\fB\-\-output=file\fR), or directly (\fB\-ofile\fR).
Flags are switched off by \fB\-\-no\-\fR\fINAME\fR.
.PP
With \fB\-\-expand\-\fR\fINAME\fR, {{X}} in the value becomes what \fB\-\-variable\fR has set for X, and {{X:trim:json}}
what functions make of it, one after the other: trim, json, url, b64 and 64dec. \e{{ is no variable.
.PP
A download grows under a name of its own, \fINAME.random.part\fR, beside the file and takes its name when it is whole. A
file that is there and cannot be replaced, such as a mount point, is written in place.
.PP
Every failure is one line on standard error, with its exit code in brackets.
.SH OPTIONS
)";

constexpr std::string_view kManTail = R"(.SH EXIT STATUS
The codes are curl's. Where several transfers ran, it is the code of the last one in the order of the command line;
\fB\-\-fail\-all\fR and \fB\-\-fail\-early\fR say otherwise.
.PP
0 well, 1 scheme or no HTTP, 2 usage, 3 URL, 6 name, 7 connection, 8 response head, 18 cut short, 22 status (\fB\-f\fR),
23 write, 26 read, 28 time, 33 range, 35 TLS, 45 \fB\-\-interface\fR, 49 \fB\-\-resolve\fR, 52 no answer, 55 send,
56 receive, 58 client certificate, 59 ciphers, 60 server's certificate, 61 coding, 77 CA certificates, 82 revocation
lists, 90 pinned key, 91 stapled status, 130 Ctrl\-C.
.SH FILES
.TP
\fI~/.sluicerc\fR
Read first, unless the first option is \fB\-q\fR: an option a line, as in \fB\-K\fR.
.SH ENVIRONMENT
.TP
\fBHOME\fR
Where \fI.sluicerc\fR is looked for.
.TP
\fBSSLKEYLOGFILE\fR
A file to which the keys of TLS connections are appended, for debugging.
.SH EXAMPLES
.nf
sluice \-o a.html https://example.org/ \-o b.html https://example.org/b
sluice \-d name=value \-H 'X\-Key: 1' https://example.org/form
sluice \-T backup.tar \-u user:password https://example.org/backup.tar
sluice \-\-unix\-socket /run/docker.sock http://localhost/version
sluice \-\-demo
.fi
.SH SEE ALSO
.BR curl (1)
)";

// ---- zsh ----

std::string zsh_value(const OptionSpec& spec) {
  if (!spec.takes_value()) return "";
  std::string out = ":" + with_each(spec.value_name, ":[]\\", "\\") + ":";
  switch (kind_of(spec)) {
    case ValueKind::file:
      return out + "_files";
    case ValueKind::directory:
      return out + "_files -/";
    case ValueKind::words:
      return out + "(" + std::string(words_of(spec)) + ")";
    case ValueKind::other:
      return out;
  }
  return out;
}

// Inside single quotes.
std::string shell_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string man_page() {
  std::string out = ".TH SLUICE 1 \"\" \"sluice " + std::string(kVersion) + "\" \"User Commands\"\n.nh\n.ad l\n";
  out += kManHead;
  std::optional<HelpGroup> group;
  for (const OptionSpec& spec : option_table()) {
    if (group != spec.group) out += ".SS " + std::string(to_string(spec.group)) + "\n";
    group = spec.group;
    append_man_row(out, spec);
  }
  return out.append(kManTail);
}

std::string bash_completion() {
  const auto row = [](const std::vector<std::string>& names, const std::string& how) {
    return "    " + joined(names, "|") + ") " + how + "return ;;\n";
  };
  const auto from = [](const std::string& generator) {
    return "mapfile -t COMPREPLY < <(compgen " + generator + " -- \"$word\"); ";
  };
  std::vector<std::string> all;
  std::string rows;
  for (const OptionSpec& spec : option_table()) {
    const std::vector<std::string> names = names_of(spec);
    all.insert(all.end(), names.begin(), names.end());
    if (!spec.takes_value()) continue;
    switch (kind_of(spec)) {
      case ValueKind::file:
        rows += row(names, "compopt -o filenames; " + from("-f"));
        break;
      case ValueKind::directory:
        rows += row(names, "compopt -o filenames; " + from("-d"));
        break;
      case ValueKind::words:
        rows += row(names, from("-W '" + std::string(words_of(spec)) + "'"));
        break;
      case ValueKind::other:
        rows += row(names, "");
        break;
    }
  }
  return "# bash completion for sluice, made from its table of options.\n"
         "_sluice() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  COMPREPLY=()\n"
         "  case $before in\n" +
         rows +
         "  esac\n"
         "  [[ $word == -* ]] || return\n"
         "  " +
         from("-W '" + joined(all, " ") + "'") +
         "\n"
         "}\n"
         "complete -F _sluice sluice\n";
}

std::string zsh_completion() {
  std::string out = "#compdef sluice\n# zsh completion for sluice, made from its table of options.\n";
  out += "_arguments -s -S \\\n";
  for (const OptionSpec& spec : option_table()) {
    const std::string help = "[" + with_each(spec.help, "[]\\", "\\") + "]";
    for (const std::string& name : names_of(spec)) {
      const bool off = !spec.off_name.empty() && name == "--" + std::string(spec.off_name);
      // '*': the option may be repeated. '+' and '=': the value may follow in the same word.
      out += "  '*" + with_each(name, ":", "\\");
      if (spec.takes_value()) out += name.starts_with("--") ? "=" : "+";
      out += (off ? "[not " + spec.dashed() + "]" : shell_quoted(help + zsh_value(spec))) + "' \\\n";
    }
  }
  return out + "  '*:URL:_urls'\n";
}

std::string fish_completion() {
  std::string out = "# fish completion for sluice, made from its table of options.\ncomplete -c sluice -f\n";
  for (const OptionSpec& spec : option_table()) {
    std::string names = spec.short_name != 0 ? " -s '" + std::string{spec.short_name} + "'" : "";
    names += " -l " + std::string(spec.long_name);
    if (!spec.alias.empty()) names += " -l " + std::string(spec.alias);
    std::string value;
    if (spec.takes_value()) {
      switch (kind_of(spec)) {
        case ValueKind::file:
          value = " -r -F";
          break;
        case ValueKind::directory:
          value = " -x -a '(__fish_complete_directories)'";
          break;
        case ValueKind::words:
          value = " -x -a '" + std::string(words_of(spec)) + "'";
          break;
        case ValueKind::other:
          value = " -x";
          break;
      }
    }
    out += "complete -c sluice" + names + value + " -d '" + with_each(spec.help, "'\\", "\\") + "'\n";
    if (!spec.off_name.empty()) {
      out += "complete -c sluice -l " + std::string(spec.off_name) + " -d 'not " + spec.dashed() + "'\n";
    }
  }
  return out;
}

}  // namespace sluice::cli
