// What a file's attribute says of its version, and when it is believed.
#include "adapters/cli/file_version.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "adapters/cli/output_file.hpp"
#include "tests/support/child.hpp"

using namespace sluice;
using namespace sluice::cli;
using sluice::test::TempFolder;
using sluice::test::write_file;

namespace {

FileVersion version_at(const std::string& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return read_version(path, status);
}

bool may_keep_versions(const std::string& path) {
  write_file(path, "x");
  const bool may = ::setxattr(path.c_str(), "user.sluice.probe", "x", 1, 0) == 0;
  std::filesystem::remove(path);
  return may;
}

const FileVersion kNoted{.if_range = "\"a\"", .etag = "\"a\"", .last_modified = "then", .size = 9};

}  // namespace

TEST_CASE("file version: it is known until another program changes the file") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  if (!may_keep_versions(path)) return;
  write_file(path, "12345");
  CHECK_FALSE(may_have_version(path));
  CHECK_FALSE(version_at(path).known());
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fd >= 0);
  write_version(fd, kNoted);
  CHECK(::write(fd, "6", 1) == 1);
  // A process that was killed here has left it so.
  const FileVersion written = version_at(path);
  CHECK(written.if_range == "\"a\"");
  CHECK(written.etag == "\"a\"");
  CHECK(written.last_modified == "then");
  CHECK(written.size == 9);
  SUBCASE("stamped, and as it was left") {
    stamp_version(fd, kNoted);
    CHECK(version_at(path).size == 9);
    std::filesystem::rename(path, path + "2");
    CHECK(version_at(path + "2").etag == "\"a\"");
    std::filesystem::rename(path + "2", path);
    SUBCASE("another size") {
      struct stat before = {};
      REQUIRE(::fstat(fd, &before) == 0);
      CHECK(::ftruncate(fd, 4) == 0);
      const timespec times[2] = {before.st_atim, before.st_mtim};
      CHECK(::futimens(fd, times) == 0);
    }
    SUBCASE("another time") {
      const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
      CHECK(::futimens(fd, times) == 0);
    }
  }
  SUBCASE("more than the whole") { CHECK(::ftruncate(fd, 10) == 0); }
  SUBCASE("removed") { remove_version(fd); }
  CHECK_FALSE(version_at(path).known());
  ::close(fd);
}

TEST_CASE("file version: of a part that the user has replaced nothing is known, and it can be continued") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  if (!may_keep_versions(path)) return;
  std::string part;
  {
    OutputFile file(path);
    REQUIRE(file.open());
    file.note_version(kNoted);
    REQUIRE(file.write(as_bytes("1234")));
    part = file.abandon();
  }
  CHECK(OutputFile(path).find_partial().value().version.etag == "\"a\"");
  {
    OutputFile file(path);
    const auto partial = file.find_partial();
    REQUIRE(partial);
    REQUIRE(file.open_partial(*partial, 4));
    CHECK(file.abandon() == part);  // nothing came
  }
  CHECK(OutputFile(path).find_partial().value().version.etag == "\"a\"");
  write_file(part, "another");
  const auto replaced = OutputFile(path).find_partial();
  REQUIRE(replaced);
  CHECK(replaced->bytes == 7);
  CHECK_FALSE(replaced->version.known());
}
