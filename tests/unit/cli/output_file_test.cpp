// A download's file: complete under its final name, or not there at all.
#include "adapters/cli/output_file.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child.hpp"

using namespace sluice;
using namespace sluice::cli;
using sluice::test::read_file;
using sluice::test::TempFolder;
using sluice::test::write_file;
namespace fs = std::filesystem;

namespace {

// The files of a folder whose name ends so.
std::vector<fs::path> parts_in(const fs::path& folder) {
  std::vector<fs::path> parts;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool regular = fs::is_regular_file(entry.symlink_status());
    if (regular && entry.path().extension() == ".part") parts.push_back(entry.path());
  }
  return parts;
}

FileResult<void> download(const std::string& path, std::string_view bytes) {
  OutputFile file(path);
  if (auto opened = file.open(); !opened) return opened;
  if (auto written = file.write(as_bytes(bytes)); !written) return written;
  return file.commit();
}

// Runs it in a process that permissions hold for, also where the tests are root's. What it checks, it returns.
bool as_ordinary_user(const std::function<bool()>& what) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ready =
        ::geteuid() != 0 || (::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
    ::_exit(ready && what() ? 0 : 1);
  }
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("bytes stand beside the final name until commit") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  OutputFile file(path);
  CHECK(fs::is_empty(folder.path()));  // nothing before open()
  REQUIRE(file.open().has_value());
  REQUIRE(file.write(as_bytes("ab")).has_value());
  const auto parts = parts_in(folder.path());
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].filename().string().starts_with("file."));
  CHECK(read_file(parts[0]) == "ab");
  CHECK(!fs::exists(path));
  REQUIRE(file.commit().has_value());
  CHECK(read_file(path) == "ab");
  CHECK(parts_in(folder.path()).empty());
  CHECK(file.abandon() == "");  // nothing is left to abandon
}

TEST_CASE("abandon keeps the part, says its name, and leaves what was there; an empty part goes") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  write_file(path, "old");
  {
    OutputFile file(path);
    REQUIRE(file.open().has_value());
    REQUIRE(file.write(as_bytes("new")).has_value());
    const std::string part = file.abandon();
    CHECK(fs::path(part).parent_path() == fs::canonical(folder.path()));
    CHECK(read_file(part) == "new");
  }
  CHECK(read_file(path) == "old");
  CHECK(parts_in(folder.path()).size() == 1);
  {
    OutputFile file(path);
    REQUIRE(file.open().has_value());
    CHECK(parts_in(folder.path()).size() == 2);
    CHECK(file.abandon() == "");
  }
  {
    OutputFile file(path);
    REQUIRE(file.open().has_value());
    REQUIRE(file.write(as_bytes("new")).has_value());
    CHECK(file.abandon(true) == "");  // unwanted, so that it goes too
  }
  CHECK(parts_in(folder.path()).size() == 1);
}

TEST_CASE("SB-87 what is called NAME.part is the user's: it is not read, written, removed or followed") {
  const TempFolder folder;
  write_file(folder.path() / "victim", "kept");
  write_file(folder.path() / "file.part", "a part of an archive");
  fs::create_directory(folder.path() / "folder.part");
  fs::create_symlink("victim", folder.path() / "link.part");
  REQUIRE(::mkfifo((folder.path() / "pipe.part").c_str(), 0600) == 0);
  for (const char* name : {"file", "folder", "link", "pipe"}) {
    CAPTURE(name);
    CHECK(download((folder.path() / name).string(), "new").has_value());
    CHECK(read_file(folder.path() / name) == "new");
  }
  CHECK(read_file(folder.path() / "file.part") == "a part of an archive");
  CHECK(fs::is_directory(folder.path() / "folder.part"));
  CHECK(fs::is_symlink(folder.path() / "link.part"));
  CHECK(fs::is_fifo(folder.path() / "pipe.part"));
  CHECK(read_file(folder.path() / "victim") == "kept");
  CHECK(parts_in(folder.path()) == std::vector{folder.path() / "file.part"});
}

TEST_CASE("SB-87 two writers of one file have a part each: both are whole, the later one stays") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  OutputFile first(path);
  OutputFile second(path);
  REQUIRE(first.open().has_value());
  REQUIRE(second.open().has_value());
  REQUIRE(first.write(as_bytes("first")).has_value());
  REQUIRE(second.write(as_bytes("second")).has_value());
  REQUIRE(first.commit().has_value());
  CHECK(read_file(path) == "first");
  REQUIRE(second.commit().has_value());
  CHECK(read_file(path) == "second");
  CHECK(parts_in(folder.path()).empty());
}

TEST_CASE("SB-87 a file in a folder without write permission is written in place") {
  const TempFolder folder;
  const fs::path path = folder.path() / "file";
  write_file(path, "old and longer");
  fs::permissions(path, fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(0555));
  CHECK(as_ordinary_user([&] { return download(path.string(), "new").has_value(); }));
  CHECK(read_file(path) == "new");
  CHECK(as_ordinary_user([&] {
    OutputFile first(path.string());
    OutputFile second(path.string());
    if (!first.open() || !first.write(as_bytes("cut"))) return false;
    // Bytes of two in one file would be neither's.
    const auto opened = second.open();
    return !opened && opened.error().ends_with("file: another process is writing it") &&
           first.abandon() == fs::canonical(path);
  }));
  CHECK(read_file(path) == "cut");
  // What is not there cannot be made there.
  CHECK(as_ordinary_user([&] {
    const auto made = download((folder.path() / "other").string(), "new");
    return !made && made.error() == "write to " + (folder.path() / "other").string() + ": Permission denied";
  }));
  fs::permissions(folder.path(), fs::perms(0755));
}

TEST_CASE("SB-87 a file that may be written but not replaced (a sticky folder) is written in place at the end") {
  if (::geteuid() != 0) return;  // the file has to be another user's
  const TempFolder folder;
  const fs::path path = folder.path() / "file";
  write_file(path, "old and longer");
  fs::permissions(path, fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(01777));
  CHECK(as_ordinary_user([&] { return download(path.string(), "new").has_value(); }));
  CHECK(read_file(path) == "new");
  CHECK(parts_in(folder.path()).empty());
}

TEST_CASE(
    "output file: attributes are kept under the final name, also where the bytes are copied, and a refusal is told") {
  const TempFolder folder;
  const std::string path = (folder.path() / "file").string();
  // Where the file system has none, only the refusal can be seen.
  const auto attribute = [&](const char* name) {
    char value[64];
    const ssize_t size = ::getxattr(path.c_str(), name, value, sizeof value);
    return size < 0 ? std::string("none") : std::string(value, static_cast<std::size_t>(size));
  };
  const auto download_with_attributes = [&] {
    OutputFile file(path);
    if (!file.open() || !file.write(as_bytes("new"))) return false;
    const bool set = file.set_attributes({{"user.sluice.a", "1"}, {"user.sluice.b", ""}}).has_value();
    return file.commit().has_value() && set;
  };
  if (download_with_attributes()) {
    CHECK(attribute("user.sluice.a") == "1");
    CHECK(attribute("user.sluice.b") == "");
    if (::geteuid() == 0) {
      write_file(path, "old and longer");
      ::removexattr(path.c_str(), "user.sluice.a");
      fs::permissions(path, fs::perms(0666));
      fs::permissions(folder.path(), fs::perms(01777));
      CHECK(as_ordinary_user(download_with_attributes));
      CHECK(read_file(path) == "new");
      CHECK(attribute("user.sluice.a") == "1");
    }
  }
  OutputFile file("/dev/null");
  REQUIRE(file.open());
  const auto refused = file.set_attributes({{"user.sluice.a", "1"}});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().starts_with("set the attribute user.sluice.a of /dev/null: "));
}

TEST_CASE("output file: a file of another user keeps its time, has its own version, and is whole all the same") {
  if (::geteuid() != 0) return;  // the file has to be another user's
  const TempFolder folder;
  const fs::path path = folder.path() / "file";
  write_file(path, "old and longer");
  fs::permissions(path, fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(0555));
  ::setxattr(path.c_str(), "user.sluice.version", "\"old\"\n\"old\"\n\n14\n", 15, 0);
  CHECK(as_ordinary_user([&] {
    OutputFile file(path.string());
    if (!file.open() || !file.write(as_bytes("new"))) return false;
    const auto set = file.set_time(1'000'000'000);
    return !set && set.error() == "set the time of " + path.string() + ": Operation not permitted" && file.commit();
  }));
  CHECK(read_file(path) == "new");
  CHECK_FALSE(OutputFile(path.string()).find_partial().value().version.known());  // nothing of what was there
  fs::permissions(folder.path(), fs::perms(01777));  // where the bytes are copied at the end
  ::setxattr(path.c_str(), "user.sluice.version", "\"old\"\n\"old\"\n\n14\n", 15, 0);
  CHECK(as_ordinary_user([&] { return download(path.string(), "newer").has_value(); }));
  CHECK_FALSE(OutputFile(path.string()).find_partial().value().version.known());
  CHECK(as_ordinary_user([&] {
    OutputFile file(path.string());
    if (!file.open()) return false;
    file.note_version({.if_range = {}, .etag = "\"a\"", .last_modified = {}, .size = 9});
    return file.write(as_bytes("the newest")) && file.commit();
  }));
  // It has more bytes than its version, which is none of it.
  CHECK_FALSE(OutputFile(path.string()).find_partial().value().version.known());
}

TEST_CASE("SB-87 a file that is a mount of its own is written in place") {
  const TempFolder folder;
  const fs::path source = folder.path() / "source";
  const fs::path path = folder.path() / "file";
  write_file(source, "old and longer");
  write_file(path, "");
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ::_exit(2);
    }
    ::_exit(download(path.string(), "new").has_value() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) return;  // no mounts for this user
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_file(source) == "new");
  CHECK(read_file(path) == "");
}

TEST_CASE("a link to nothing leads to the file that is made, and stays a link") {
  const TempFolder folder;
  fs::create_directory(folder.path() / "deep");
  fs::create_symlink("deep/link", folder.path() / "link");
  fs::create_symlink("file", folder.path() / "deep/link");
  CHECK(download((folder.path() / "link").string(), "new").has_value());
  CHECK(fs::is_symlink(folder.path() / "link"));
  CHECK(fs::is_symlink(folder.path() / "deep/link"));
  CHECK(read_file(folder.path() / "deep/file") == "new");
  fs::create_symlink("loop", folder.path() / "loop");
  CHECK(!OutputFile((folder.path() / "loop").string()).open().has_value());
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
  OutputFile made(deep, {.create_directories = true});
  CHECK(made.open().has_value());
  CHECK(made.write(as_bytes("x")).has_value());
  CHECK(fs::path(made.abandon()).parent_path() == folder.path() / "a/b");
}

TEST_CASE("output file: what went to a device, a pipe or a descriptor stays, and another attempt follows it") {
  const TempFolder folder;
  const std::string pipe = (folder.path() / "pipe").string(), log = (folder.path() / "log").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  write_file(log, "before ");
  const int fd = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  for (const std::string& path : {std::string("/dev/null"), pipe, "/dev/fd/" + std::to_string(fd)}) {
    CAPTURE(path);
    OutputFile file(path);
    REQUIRE(file.open());
    CHECK(file.write(as_bytes("one ")));
    CHECK(file.restart());
    CHECK(file.write(as_bytes("two")));
    CHECK(file.set_time(1'000'000'000));  // which it does not get
    CHECK(file.commit());
    struct stat status = {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK(status.st_mtime != 1'000'000'000);
  }
  char text[16] = {};
  CHECK(::read(reader, text, sizeof text) == 7);
  CHECK(read_file(log) == "before one two");
  ::close(reader);
  ::close(fd);
}

TEST_CASE("output file: '-' is the standard output or a name") {
  const TempFolder folder;
  CHECK(OutputFile("-").is_standard_output());
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  OutputFile file("-", {.is_name = true});
  CHECK_FALSE(file.is_standard_output());
  const bool written = file.open() && file.write(as_bytes("body")) && file.commit();
  fs::current_path(before);
  CHECK(written);
  CHECK(read_file(folder.path() / "-") == "body");
}

TEST_CASE("path_key: one file, one key") {
  CHECK(path_key("a/b") == path_key("./a//b"));
  CHECK(path_key("a/b") == path_key("a/c/../b"));
  CHECK(path_key("a/b") == path_key(fs::current_path().string() + "/a/b"));
  CHECK(path_key("a/b") != path_key("a/B"));

  const TempFolder folder;
  const std::string top = folder.path().string();
  fs::create_directories(folder.path() / "one/two");
  fs::create_symlink("one/two", folder.path() / "to-two");
  fs::create_symlink("file", folder.path() / "one/to-file");  // there or not
  for (const bool there : {false, true}) {
    CAPTURE(there);
    if (there) write_file(folder.path() / "one/file", "x");
    CHECK(path_key(top + "/to-two/../file") == path_key(top + "/one/file"));
    CHECK(path_key(top + "/to-two/../file") != path_key(top + "/file"));
    CHECK(path_key(top + "/one/to-file") == path_key(top + "/one/file"));
  }
}

TEST_CASE("SB-87 output file: a path that names a descriptor of this process writes to that, and replaces nothing") {
  const TempFolder folder;
  const std::string path = (folder.path() / "log").string();
  write_file(path, "before\n");
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(fd >= 0);
  for (const std::string& name : {"/dev/fd/" + std::to_string(fd), "/proc/self/fd/" + std::to_string(fd)}) {
    REQUIRE(download(name, "body\n"));
  }
  CHECK(::write(fd, "after\n", 6) == 6);  // it is open still
  ::close(fd);
  CHECK(read_file(path) == "before\nbody\nbody\nafter\n");
  CHECK(parts_in(folder.path()).empty());
  CHECK_FALSE(download("/dev/fd/" + std::to_string(fd), "x"));
}

TEST_CASE("output file: one that exists stays where it must, whenever it was made") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  const auto write = [&](OutputFile::Existing existing, const char* text, bool made_meanwhile = false) {
    OutputFile file(path, {.existing = existing});
    auto done = file.open();
    if (done) done = file.write(as_bytes(std::string_view(text)));
    if (made_meanwhile) write_file(path, "another's");
    if (done) done = file.commit();
    return done ? file.path() : done.error();
  };
  CHECK(write(OutputFile::Existing::number, "one") == path);
  CHECK(write(OutputFile::Existing::number, "two") == path + ".1");
  CHECK(write(OutputFile::Existing::number, "three") == path + ".2");
  CHECK(read_file(path) == "one");
  CHECK(read_file(path + ".2") == "three");
  CHECK(write(OutputFile::Existing::refuse, "four") == "write to " + path + ": File exists");
  OutputFile file(path, {.existing = OutputFile::Existing::number, .is_free = [&](const std::string& name) {
                           return name != path + ".3";  // another's, which is not there yet
                         }});
  CHECK((file.open() && file.commit()));
  CHECK(file.path() == path + ".4");
  std::filesystem::remove(path);
  CHECK(write(OutputFile::Existing::refuse, "five", true) == "write to " + path + ": File exists");
  CHECK(read_file(path) == "another's");
  CHECK(write(OutputFile::Existing::replace, "six") == path);
  CHECK(read_file(path) == "six");
}

TEST_CASE("output file: permissions and times that were asked for, and a second attempt") {
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  OutputFile file(path, {.mode = 0606});
  REQUIRE(file.restart().has_value());  // nothing to drop yet
  REQUIRE(file.open().has_value());
  REQUIRE(file.write(as_bytes(std::string_view("the first attempt"))).has_value());
  REQUIRE(file.restart().has_value());
  REQUIRE(file.write(as_bytes(std::string_view("second"))).has_value());
  REQUIRE(file.set_time(1'000'000'000).has_value());
  REQUIRE(file.commit().has_value());
  CHECK(read_file(path) == "second");
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0606);
  CHECK(status.st_mtime == 1'000'000'000);
}
