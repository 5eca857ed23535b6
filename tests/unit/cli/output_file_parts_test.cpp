// The parts that failed downloads leave: which of them are continued, and by what name they are found.
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
using sluice::test::read_file;
using sluice::test::TempFolder;
using sluice::test::write_file;
namespace fs = std::filesystem;

TEST_CASE("SB-87 a part that may be another's file is not continued: a link, another user's, one that is no download") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string(), victim = (folder.path() / "victim").string();
  std::string part;
  {
    OutputFile file(path);
    REQUIRE(file.open());
    file.note_version({});
    REQUIRE(file.write(as_bytes("12")));
    part = file.abandon();
  }
  const auto found = [&] {
    const auto partial = OutputFile(path).find_partial();
    return partial ? partial->path : "";
  };
  REQUIRE(found() == part);
  const auto continued = [&] {
    OutputFile file(path);
    return file.open_partial({.path = part, .bytes = 2, .version = {}, .is_target = false}, 2).has_value();
  };
  const std::string planted = path + ".zzzzzz.part";
  write_file(victim, "12345678");
  SUBCASE("planted beside it: the own one is found") {
    SUBCASE("a symbolic link") { fs::create_symlink(victim, planted); }
    SUBCASE("a hard link") { fs::create_hard_link(victim, planted); }
    SUBCASE("a pipe") { REQUIRE(::mkfifo(planted.c_str(), 0666) == 0); }
    SUBCASE("no download") {
      write_file(planted, "1234");
      if (::setxattr(planted.c_str(), "user.sluice.probe", "x", 1, 0) != 0) fs::remove(planted);  // nothing can tell
    }
    SUBCASE("another user's") {
      fs::copy_file(part, planted);
      if (::geteuid() == 0) {
        CHECK(::chown(planted.c_str(), 65534, 65534) == 0);
      } else {
        fs::remove(planted);
      }
    }
    CHECK(found() == part);
  }
  SUBCASE("in its place: it is not opened") {
    SUBCASE("a symbolic link") {
      fs::remove(part);
      fs::create_symlink(victim, part);
    }
    SUBCASE("a hard link") {
      fs::remove(part);
      fs::create_hard_link(victim, part);
    }
    SUBCASE("a pipe") {
      fs::remove(part);
      REQUIRE(::mkfifo(part.c_str(), 0666) == 0);
    }
    CHECK(found() == "");
    CHECK_FALSE(continued());
  }
  CHECK(read_file(victim) == "12345678");
}

TEST_CASE("output file: a part with a suffix of its own is adopted, written at any place and found by no other name") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  OutputFile first(path);
  first.set_part_suffix(".segments.part");
  REQUIRE(first.open());
  CHECK(first.write_at(3, as_bytes("def")));
  CHECK(first.write_at(0, as_bytes("abc")));
  const std::string part = first.part();
  CHECK(part.starts_with(path + "."));
  CHECK(part.ends_with(".segments.part"));
  CHECK(newest_part(path, ".segments.part") == part);
  CHECK(newest_part(path, ".part").empty());
  CHECK_FALSE(first.find_partial());
  CHECK(first.abandon() == part);
  OutputFile second(path);
  second.adopt_part(::open(part.c_str(), O_WRONLY | O_CLOEXEC), part);
  CHECK(second.write_at(6, as_bytes("ghi")));
  CHECK(second.commit());
  CHECK(read_file(path) == "abcdefghi");
  CHECK_FALSE(std::filesystem::exists(part));
}
