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
  sluice::test::write_file(path, "0123456789");
  CHECK(read_file_part(path, 2, 3) == "234");
  CHECK(read_file_part(path, 8, 100) == "89");
  CHECK(read_file_part(path, 10, 1) == "");
  CHECK(read_file_part(path, UINT64_MAX, UINT64_MAX) == "");
  CHECK(read_file_part(path, 2, 3, 2).error() == "it has more than 2 bytes");
  CHECK(read_file_part("/dev/zero", 100'000, 2) == std::string(2, '\0'));
  CHECK(read_whole_file(path + "-not").error() == "No such file or directory");
  CHECK(read_whole_file(folder.path().string()).error() == "Is a directory");
}
