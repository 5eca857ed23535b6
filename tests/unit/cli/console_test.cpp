// Which lines are shown with -s and -S.
#include "adapters/cli/console.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "tests/support/child.hpp"

namespace sluice::cli {

namespace {

// What the console writes to the standard error.
std::string said(bool errors, bool warnings) {
  const test::TempFolder folder;
  const std::string path = (folder.path() / "err").string();
  const int kept = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(kept >= 0);
  REQUIRE(::dup2(file, STDERR_FILENO) == STDERR_FILENO);
  ProgressDisplay none(STDERR_FILENO, false);
  Console console(none, errors, warnings);
  console.error(7, "e");
  console.warning("w");
  console.doubt("d");
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(file);
  return test::read_file(path);
}

}  // namespace

TEST_CASE("console: a doubt about what was written is shown where errors are") {
  CHECK(said(true, true) == "sluice: (7) e\nsluice: warning: w\nsluice: warning: d\n");
  CHECK(said(true, false) == "sluice: (7) e\nsluice: warning: d\n");  // -sS
  CHECK(said(false, false) == "");                                    // -s
}

}  // namespace sluice::cli
