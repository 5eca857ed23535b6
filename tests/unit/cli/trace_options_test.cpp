// How --har, --trace and what belongs to them become settings of the run.
#include <doctest/doctest.h>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("trace options: --har is for the whole run, the last one counts") {
  CHECK(parse({"h"})->har.empty());
  CHECK(parse({"--har", "one", "h", "--next", "--har", "two", "h"})->har == "two");
  CHECK_FALSE(parse({"--har", "f", "h"})->har_secrets);
  CHECK(parse({"--har-secrets", "--har", "f", "h"})->har_secrets);
  CHECK_FALSE(parse({"--har-secrets", "--no-har-secrets", "h"})->har_secrets);
}

TEST_CASE("trace options: of -v, --trace and --trace-ascii the last one counts") {
  struct Row {
    std::vector<std::string> line;
    const char* path;
    TraceForm form;
    bool verbose;
    std::size_t warnings;
  };
  const Row rows[] = {
      {{"h"}, "", TraceForm::hex, false, 0},
      {{"--trace", "t", "h"}, "t", TraceForm::hex, false, 0},
      {{"--trace-ascii", "-", "h"}, "-", TraceForm::ascii, false, 0},
      {{"--trace-ascii", "a", "h", "--next", "--trace", "%", "h"}, "%", TraceForm::hex, false, 1},
      {{"-v", "--trace", "t", "h"}, "t", TraceForm::hex, false, 1},
      {{"--trace", "t", "-v", "h"}, "", TraceForm::hex, true, 1},
      {{"--trace", "t", "--no-verbose", "h"}, "", TraceForm::hex, false, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const auto command = parse(row.line);
    REQUIRE(command.has_value());
    CHECK(command->trace.path == row.path);
    CHECK((row.path[0] == 0 || command->trace.form == row.form));
    CHECK(command->verbose == row.verbose);
    CHECK(command->warnings.size() == row.warnings);
  }
  const TraceOptions all = parse({"--trace-time", "--trace-ids", "--trace-secrets", "h"})->trace;
  CHECK((all.time && all.ids && all.secrets));
  const TraceOptions none = parse({"--trace-time", "--trace-ids", "--trace-secrets", "--no-trace-time",
                                   "--no-trace-ids", "--no-trace-secrets", "h"})
                                ->trace;
  CHECK_FALSE((none.time || none.ids || none.secrets));
}

}  // namespace sluice::cli
