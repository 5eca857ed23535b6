// What --trace writes, and what it hides.
#include "adapters/cli/trace_log.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>

#include "tests/support/child.hpp"

namespace sluice::cli {
namespace {

// A log into a file, with what was written there.
struct TraceFile {
  explicit TraceFile(TraceOptions chosen) : options(std::move(chosen)) {
    options.form = TraceForm::ascii;
    if (options.path.empty()) options.path = path();
    log.open();
  }
  std::string path() const { return (folder.path() / "trace").string(); }
  std::string text() const { return test::read_file(path()); }

  test::TempFolder folder;
  TraceOptions options;
  ProgressDisplay display = ProgressDisplay(STDERR_FILENO, false);
  Console console = Console(display, false, false);
  ConnectionNumbers numbers;
  TraceLog log = TraceLog(options, console, numbers);
};

constexpr ConnId kTraced = {.index = 7, .generation = 1};

}  // namespace

TEST_CASE("trace log: each piece, in the form and with the prefix that are asked for, in a file of the owner's") {
  TraceFile file({.ids = true});
  CHECK(file.log.wanted());
  file.log.write(2, {.part = TracePart::info, .bytes = "one\n"});
  file.log.write(2, {.conn = kTraced, .part = TracePart::head_sent, .bytes = "GET / HTTP/1.1\r\n\r\n"});
  CHECK(file.text() == "[2-x] == Info: one\n[2-0] => Send header, 18 bytes (0x12)\n0000: GET / HTTP/1.1\n0010: \n");
  CHECK((std::filesystem::status(file.path()).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(file.log.secrets() == TraceSecrets::hidden);
  CHECK(TraceFile({.secrets = true}).log.secrets() == TraceSecrets::shown);
}

TEST_CASE("trace log: ids") {
  CHECK(trace_ids(0, 1) == "[0-1] ");
  CHECK(trace_ids(12, std::nullopt) == "[12-x] ");
}

TEST_CASE("trace log: time and ids only where they are asked for; a connection keeps its number") {
  CHECK(TraceFile({}).log.prefix(3, kTraced).empty());
  TraceFile ids({.ids = true});
  CHECK(ids.log.prefix(3, {}) == "[3-x] ");
  CHECK(ids.log.prefix(3, kTraced) == "[3-0] ");
  CHECK(ids.log.prefix(4, {.index = 7, .generation = 2}) == "[4-1] ");
  CHECK(ids.log.prefix(5, kTraced) == "[5-0] ");
  const std::string both = TraceFile({.time = true, .ids = true}).log.prefix(0, kTraced);
  CHECK(both.size() == 22);
  CHECK(both[2] == ':');
  CHECK(both[5] == ':');
  CHECK(both[8] == '.');
  CHECK(both.ends_with(" [0-0] "));
}

TEST_CASE("trace log: without a file, and after a failure, nothing is written") {
  TraceFile missing({.path = "/none/such/trace"});
  CHECK_FALSE(missing.log.wanted());
  missing.log.write(0, {.bytes = "x\n"});
  TraceFile full({.path = "/dev/full"});
  CHECK(full.log.wanted());
  full.log.write(0, {.bytes = "x\n"});
  CHECK_FALSE(full.log.wanted());
  const TraceOptions none;
  ProgressDisplay display(STDERR_FILENO, false);
  Console console(display, false, false);
  ConnectionNumbers numbers;
  TraceLog off(none, console, numbers);
  off.open();
  CHECK_FALSE(off.wanted());
}

}  // namespace sluice::cli
