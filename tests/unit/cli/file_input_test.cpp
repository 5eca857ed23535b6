// Files that options name: whole, and not more than a limit.
#include "adapters/cli/file_input.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/child.hpp"

using namespace sluice::cli;

TEST_CASE("a file is read whole, and one byte more than the limit is an error") {
  const sluice::test::TempFolder folder;
  const std::string text(200'000, 'x'), path = (folder.path() / "file").string();
  sluice::test::write_file(path, text);
  CHECK(read_whole_file(path) == text);
  CHECK(read_whole_file(path, text.size()) == text);
  CHECK(read_whole_file(path, text.size() - 1).error() == "it has more than 199999 bytes");
  CHECK(read_whole_file("/dev/zero", 1'000'000).error() == "it has more than 1000000 bytes");
  CHECK(read_whole_file("/dev/null", 0) == "");
  CHECK(read_whole_file(path + "-not").error() == "No such file or directory");
  CHECK(read_whole_file(folder.path().string()).error() == "Is a directory");
}
