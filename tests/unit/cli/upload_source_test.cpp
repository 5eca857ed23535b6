// What -T reads.
#include "adapters/cli/upload_source.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <filesystem>
#include <vector>

#include "tests/support/child.hpp"

using namespace sluice;
using namespace sluice::cli;
using sluice::test::TempFolder;
using sluice::test::write_file;

TEST_CASE("a file is read in pieces, to the length it had at first") {
  const TempFolder folder;
  const std::string path = (folder.path() / "up").string();
  write_file(path, "abcdef");
  auto source = UploadSource::open(path);
  REQUIRE(source.has_value());
  CHECK((*source)->length() == 6);
  std::vector<std::uint8_t> space(4);
  auto piece = (*source)->read(space);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes == 4);
  CHECK(!piece->end);
  write_file(path, "abcdefghij");  // grew: only what was promised
  piece = (*source)->read(space);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes == 2);
  CHECK(piece->end);
  piece = (*source)->read(space);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes == 0);
  CHECK(piece->end);
}

TEST_CASE("a file that became shorter is an error, and so are directories and missing files") {
  const TempFolder folder;
  const std::string path = (folder.path() / "up").string();
  write_file(path, "abcdef");
  auto source = UploadSource::open(path);
  REQUIRE(source.has_value());
  std::filesystem::resize_file(path, 2);
  std::vector<std::uint8_t> space(4);
  CHECK((*source)->read(space)->bytes == 2);
  const auto short_read = (*source)->read(space);
  REQUIRE(!short_read.has_value());
  CHECK(short_read.error().find("2 of 6 bytes") != std::string::npos);
  CHECK(UploadSource::open(folder.path().string()).error() == "read " + folder.path().string() + ": Is a directory");
  CHECK(!UploadSource::open(path + "x").has_value());
}

TEST_CASE("a file is read again from where it was opened; what is no file is not") {
  const TempFolder folder;
  const std::string path = (folder.path() / "up").string();
  write_file(path, "abcdef");
  auto source = UploadSource::open(path);
  REQUIRE(source.has_value());
  std::vector<std::uint8_t> space(8);
  for (int i = 0; i < 2; ++i) {
    CHECK((*source)->read(space)->bytes == 6);
    CHECK(space[0] == 'a');
    CHECK((*source)->rewindable());
    CHECK((*source)->rewind());
  }
  auto device = UploadSource::open("/dev/null");
  REQUIRE(device.has_value());
  CHECK_FALSE((*device)->rewindable());
  CHECK_FALSE((*device)->rewind());
}
