// The output of --help and --version.
#include "adapters/cli/help.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "adapters/cli/option_table.hpp"
#include "adapters/gssapi.hpp"

namespace sluice::cli {

TEST_CASE("help: every option is there, and no line is longer than 80 columns") {
  const std::string text = help_text();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
  }
  for (const OptionSpec& spec : option_table()) {
    CAPTURE(spec.long_name);
    CHECK(text.find(spec.dashed()) != std::string::npos);
    CHECK(text.find(std::string(spec.help)) != std::string::npos);
  }
}

TEST_CASE("help: the version names what the command is built on") {
  const std::string text = version_text();
  CHECK(text.starts_with("sluice "));
  for (const char* name : {"BoringSSL", "llhttp 8", "c-ares 1"}) CHECK(text.find(name) != std::string::npos);
  for (const char* name : {" GSS-API", " Kerberos", " SPNEGO"}) CHECK(text.contains(name) == has_gssapi());
}

}  // namespace sluice::cli
