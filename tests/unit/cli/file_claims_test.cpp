// Which files of a command may be written by whom.
#include "adapters/cli/file_claims.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

FileClaims claims_of(std::vector<std::string> arguments) {
  arguments.emplace_back("http://h/");
  const auto line = parse(arguments);
  INFO((line ? "" : line.error().message));
  REQUIRE(line.has_value());
  return FileClaims(*line);
}

std::string claimed(FileClaims& claims, const std::string& path) {
  const char* other = claims.claim(path);
  return other == nullptr ? "" : other;
}

}  // namespace

TEST_CASE("file claims: no body is for the file of an option, whatever its path says") {
  struct Row {
    std::vector<std::string> arguments;
    const char* what;
  };
  for (const Row& row : std::vector<Row>{{{"-D", "./S"}, "the heads (-D) are written there"},
                                         {{"--etag-save", "S"}, "the ETag (--etag-save) is written there"},
                                         {{"--stderr", "S"}, "messages (--stderr) are written there"},
                                         {{"--har", "S"}, "the HAR (--har) is written there"},
                                         {{"--trace", "S"}, "the trace (--trace) is written there"},
                                         {{"--trace-ascii", "S"}, "the trace (--trace) is written there"},
                                         {{"-c", "S"}, "the cookies (-c) are written there"},
                                         {{"--hsts", "S"}, "the HSTS hosts (--hsts) are written there"},
                                         {{"--alt-svc", "S"}, "the alternative services (--alt-svc) are written there"},
                                         {{"-w", "a%{onerror}b%output{S}c"}, "text of -w (%output) is written there"},
                                         {{"-w", "%output{>>S}c"}, "text of -w (%output) is written there"},
                                         {{"-D", "%"}, ""},
                                         {{"-D", "-", "--har", "-", "-c", "-"}, ""},
                                         {{"-D", "/dev/null", "--har", "/dev/null"}, ""}}) {
    CAPTURE(row.arguments.front());
    FileClaims claims = claims_of(row.arguments);
    CHECK_FALSE(claims.contradiction());
    CHECK(claimed(claims, "S") == row.what);
    CHECK(claimed(claims, "other") == "");
    CHECK(claims.is_claimed("other"));
    CHECK(claims.is_claimed("S") == (row.what[0] == '\0'));
  }
}

TEST_CASE("file claims: a file is for one body, a device for all") {
  FileClaims claims = claims_of({});
  CHECK_FALSE(claims.is_claimed("a"));
  CHECK(claimed(claims, "a") == "");
  CHECK(claimed(claims, "./a") == "another URL of this command is written there");
  for (int i = 0; i < 2; ++i) CHECK(claimed(claims, "/dev/null") == "");
  for (int i = 0; i < 2; ++i) CHECK(claimed(claims, "/dev/stdout") == "");
}

TEST_CASE("file claims: two options for one file contradict each other, unless both only append") {
  const std::vector<std::vector<std::string>> options = {
      {"--stderr", "S"}, {"-D", "S"},        {"--trace", "S"},     {"--har", "S"},        {"-c", "./S"},
      {"--hsts", "./S"}, {"--alt-svc", "S"}, {"--etag-save", "S"}, {"-w", "%output{S}x"}, {"-w", "%output{>>S}x"}};
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t j = i + 1; j < options.size(); ++j) {
      if (options[i][0] == options[j][0]) continue;
      std::vector<std::string> both = options[i];
      both.insert(both.end(), options[j].begin(), options[j].end());
      CAPTURE(both);
      CHECK(claims_of(both).contradiction().has_value() == (i != 0 || j != options.size() - 1));
    }
  }
  CHECK(claims_of({"--stderr", "S", "-D", "./S"}).contradiction().value_or("") ==
        "write to ./S: messages (--stderr) are written there, and the heads (-D) are written there");
  CHECK_FALSE(claims_of({"-D", "S", "http://h/", "--next", "-D", "S"}).contradiction());
  CHECK_FALSE(claims_of({"-w", "%output{S}x%output{>>S}y"}).contradiction());
}

}  // namespace sluice::cli
