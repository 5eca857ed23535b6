// A download's file: whole under its final name or not there at all.
#include "adapters/cli/output_file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <filesystem>

#include "tests/support/child.hpp"

using namespace sluice;
using namespace sluice::cli;
using sluice::test::read_file;
using sluice::test::TempFolder;
using sluice::test::write_file;
namespace fs = std::filesystem;

TEST_CASE("bytes stand beside the final name until commit") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  OutputFile file(path);
  CHECK(!fs::exists(path + ".part"));  // nothing before open()
  REQUIRE(file.open().has_value());
  REQUIRE(file.write(as_bytes("ab")).has_value());
  CHECK(read_file(path + ".part") == "ab");
  CHECK(!fs::exists(path));
  REQUIRE(file.commit().has_value());
  CHECK(read_file(path) == "ab");
  CHECK(!fs::exists(path + ".part"));
  CHECK(file.abandon() == "");  // nothing is left to abandon
}

TEST_CASE("abandon keeps the part, says its name, and leaves what was there") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  write_file(path, "old");
  write_file(path + ".part", "a longer rest of some earlier run");
  {
    OutputFile file(path);
    REQUIRE(file.open().has_value());
    REQUIRE(file.write(as_bytes("new")).has_value());
    CHECK(file.abandon() == fs::canonical(folder.path()).string() + "/file.part");
  }
  CHECK(read_file(path) == "old");
  CHECK(read_file(path + ".part") == "new");
}

TEST_CASE("a second writer of the same file is refused while the first one writes") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  OutputFile first(path);
  REQUIRE(first.open().has_value());
  REQUIRE(first.write(as_bytes("first")).has_value());
  OutputFile second(path);
  const auto opened = second.open();
  REQUIRE(!opened.has_value());
  CHECK(opened.error().find("another process") != std::string::npos);
  REQUIRE(first.commit().has_value());
  CHECK(read_file(path) == "first");
  CHECK(second.open().has_value());
}

TEST_CASE("what stands at the part's name is not followed out of the directory") {
  const TempFolder folder;
  write_file(folder.path() / "victim", "kept");
  fs::create_symlink("victim", folder.path() / "file.part");
  OutputFile file((folder.path() / "file").string());
  CHECK(!file.open().has_value());
  CHECK(read_file(folder.path() / "victim") == "kept");
  REQUIRE(::mkfifo((folder.path() / "pipe.part").c_str(), 0600) == 0);
  OutputFile pipe((folder.path() / "pipe").string());
  CHECK(!pipe.open().has_value());  // and does not hang
}

TEST_CASE("names as long as names may be, devices, and missing directories") {
  const TempFolder folder;
  const std::string path = (folder.path() / std::string(255, 'n')).string();
  OutputFile file(path);
  REQUIRE(file.open().has_value());
  REQUIRE(file.commit().has_value());
  CHECK(fs::exists(path));

  OutputFile null("/dev/null");
  REQUIRE(null.open().has_value());
  CHECK(null.write(as_bytes("x")).has_value());
  CHECK(null.commit().has_value());
  CHECK(fs::is_character_file("/dev/null"));

  const std::string deep = (folder.path() / "a/b/c").string();
  CHECK(!OutputFile(deep).open().has_value());
  OutputFile made(deep, true);
  CHECK(made.open().has_value());
  CHECK(made.abandon().ends_with("a/b/c.part"));
}

TEST_CASE("path_key: one file, one key") {
  CHECK(path_key("a/b") == path_key("./a//b"));
  CHECK(path_key("a/b") == path_key("a/c/../b"));
  CHECK(path_key("a/b") == path_key(fs::current_path().string() + "/a/b"));
  CHECK(path_key("a/b") != path_key("a/B"));
}
