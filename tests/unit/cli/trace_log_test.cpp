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

TEST_CASE("trace log: a block for each head that is sent and each line that is received") {
  TraceFile file({});
  CHECK(file.log.wanted());
  file.log.info("P ", "one\ntwo\n");
  file.log.head_sent("P ", "GET / HTTP/1.1\r\nA: b\r\n\r\n");
  file.log.data_sent("", "up");
  file.log.head_received("P ", "HTTP/1.1 200\r\nC: d\n\r\n");
  file.log.data_received("", "down");
  file.log.trailers_received("", "E: f\r\n");
  CHECK(file.text() ==
        "P == Info: one\nP == Info: two\n"
        "P => Send header, 24 bytes (0x18)\n0000: GET / HTTP/1.1\n0010: A: b\n0016: \n"
        "=> Send data, 2 bytes (0x2)\n0000: up\n"
        "P <= Recv header, 14 bytes (0xe)\n0000: HTTP/1.1 200\n"
        "P <= Recv header, 5 bytes (0x5)\n0000: C: d.\n"
        "P <= Recv header, 2 bytes (0x2)\n0000: \n"
        "<= Recv data, 4 bytes (0x4)\n0000: down\n"
        "<= Recv header, 6 bytes (0x6)\n0000: E: f\n");
  CHECK((std::filesystem::status(file.path()).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("SB-31 trace log: credentials of heads only where they are asked for") {
  for (const bool secrets : {false, true}) {
    TraceFile file({.secrets = secrets});
    file.log.head_sent("", "GET / HTTP/1.1\r\nAuthorization: Basic secret1\r\nCookie: a=secret2\r\n\r\n");
    file.log.head_received("", "HTTP/1.1 302\r\nSet-Cookie: a=secret3\r\n secret4\r\nLocation: //u:secret5@h\r\n\r\n");
    file.log.trailers_received("", "Set-Cookie: a=secret6\r\n");
    for (const char digit : std::string("123456")) {
      CAPTURE(digit);
      CHECK(file.text().contains(std::string("secret") + digit) == secrets);
    }
    CHECK(file.text().contains("Authorization: Basic <redacted>") != secrets);
  }
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
  missing.log.info("", "x\n");
  TraceFile full({.path = "/dev/full"});
  CHECK(full.log.wanted());
  full.log.info("", "x\n");
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
