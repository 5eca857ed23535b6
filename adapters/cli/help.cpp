// See help.hpp.
#include "adapters/cli/help.hpp"

#include <optional>

#include "adapters/cli/library_versions.hpp"
#include "adapters/cli/option_table.hpp"
#include "adapters/cli/version.hpp"
#include "adapters/gssapi.hpp"
#include "core/features.hpp"

namespace sluice::cli {

namespace {

constexpr std::size_t kHelpColumn = 28;

void append_row(std::string& out, const OptionSpec& spec) {
  std::string row = spec.short_name != 0 ? std::string("  -") + spec.short_name + ", " : "      ";
  row += spec.dashed();
  if (spec.takes_value()) row += " " + std::string(spec.value_name);
  if (row.size() + 2 > kHelpColumn) {
    out += row + '\n';
    row.clear();
  }
  row.resize(kHelpColumn, ' ');
  out += row + std::string(spec.help) + '\n';
}

}  // namespace

std::string help_text() {
  std::string out =
      "Usage: sluice [options] URL...\n"
      "\n"
      "Moves many HTTP transfers at once. Options mean what they mean in curl; the n-th\n"
      "-o, -O or -T belongs to the n-th URL. A URL without a scheme gets http://;\n"
      "{a,b} and [1-9] in it, or in -T, stand for several. Where every URL goes to a\n"
      "file, all move at the same time; one that goes to standard output makes them\n"
      "move in order.\n"
      "-H 'Name: value' adds a field or replaces one of sluice's, 'Name:' removes it,\n"
      "'Name;' sends it empty. A password that -u leaves out is empty.\n";
  std::optional<HelpGroup> group;
  for (const OptionSpec& spec : option_table()) {
    if (group != spec.group) out += "\n" + std::string(to_string(spec.group)) + ":\n";
    group = spec.group;
    append_row(out, spec);
  }
  out +=
      "\n"
      "Flags are switched off by --no-NAME; a value may also follow as --NAME=VALUE.\n"
      "--expand-NAME takes a value with {{VARIABLE}} in it, or {{VARIABLE:FUNCTION}}:\n"
      "trim, json, url, b64, 64dec, or several after each other; \\{{ is no variable.\n"
      "~/.sluicerc is read first; it holds an option a line, as in -K: 'output = \"f\"'.\n"
      "Exit codes are curl's, among them 1 scheme or no HTTP, 2 usage, 3 URL, 6 name,\n"
      "7 connection, 18 cut short, 22 status, 23 write, 26 read, 28 time, 35 TLS,\n"
      "52 no answer, 55 send, 56 receive, 60 certificate.\n";
  return out;
}

namespace {

// curl's names for them.
std::string optional_features() {
  const Features built = features();
  return std::string(has_gssapi() ? " GSS-API" : "") + (built.http2 ? " HTTP2" : "") + (built.idn ? " IDN" : "") +
         (has_gssapi() ? " Kerberos" : "") + (built.psl ? " PSL" : "") + (has_gssapi() ? " SPNEGO" : "") +
         (built.brotli ? " brotli" : "") + (built.zlib ? " libz" : "") + (built.zstd ? " zstd" : "");
}

}  // namespace

std::string version_text() {
  return "sluice " + std::string(kVersion) + " with " + library_versions() +
         "\nProtocols: http https\nFeatures: HTTP/1.1 IPv6" + optional_features() + " TLS-1.2 TLS-1.3\n";
}

}  // namespace sluice::cli
