// What -T reads.
#include "adapters/cli/upload_source.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>
#include <cstddef>
#include <filesystem>
#include <string>
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

TEST_CASE("a file is read again from where it was opened") {
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
}

TEST_CASE("a file is read from a position on, if it has bytes there") {
  const TempFolder folder;
  const std::string path = (folder.path() / "up").string();
  write_file(path, "abcdef");
  auto source = UploadSource::open(path).value();
  std::vector<std::uint8_t> space(8);
  CHECK_FALSE(source->begin_at(6));
  CHECK(source->length() == 6);
  CHECK(source->begin_at(4));
  CHECK(source->length() == 2);
  for (int i = 0; i < 2; ++i) {
    CHECK(source->read(space)->bytes == 2);
    CHECK(space[0] == 'e');
    CHECK(source->rewind());
  }
  CHECK_FALSE(UploadSource::open("/dev/null").value()->begin_at(0));
}

TEST_CASE("of a pipe the first bytes are given again, as long as no others were read") {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe(ends) == 0);
  auto source = UploadSource::open("/dev/fd/" + std::to_string(ends[0])).value();
  ::close(ends[0]);
  std::vector<std::uint8_t> space(64 * 1024);
  const auto text = [&](std::size_t most) {
    const auto piece = source->read(MutableBytes(space).first(most));
    REQUIRE(piece.has_value());
    if (piece->later) return std::string("later");
    return std::string(space.begin(), space.begin() + static_cast<std::ptrdiff_t>(piece->bytes)) +
           (piece->end ? "|" : "");
  };
  CHECK(source->rewind());
  CHECK(text(9) == "later");
  REQUIRE(::write(ends[1], "abcdef", 6) == 6);
  CHECK(text(4) == "abcd");
  CHECK(source->rewind());
  CHECK(text(2) == "ab");
  CHECK(text(9) == "cd");
  CHECK(text(9) == "ef");
  CHECK(text(9) == "later");
  CHECK(source->rewind());
  CHECK(text(9) == "abcdef");
  const std::string more(60'000, 'x');
  REQUIRE(::write(ends[1], more.data(), more.size()) == 60'000);
  CHECK(text(64 * 1024).size() == 60'000);
  CHECK(source->rewind());
  CHECK(text(64 * 1024).size() == 60'006);
  REQUIRE(::write(ends[1], more.data(), more.size()) == 60'000);
  CHECK(text(64 * 1024).size() == 60'000);
  CHECK_FALSE(source->rewind());
  ::close(ends[1]);
  CHECK(text(9) == "|");
}
