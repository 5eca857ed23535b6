// adapters/cli/segment_file: what is found beside a target, what is not taken, and the journal's own file.
#include "adapters/cli/segment_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "tests/support/child.hpp"

namespace sluice::cli {
namespace {

const std::string kUrl = "http://a.example/f";

SegmentedParts half_there() { return {kUrl, "\"a\"", 10, {{0, 5, 5}, {5, 10, 0}}}; }

struct Place {
  test::TempFolder folder;
  std::string target = (folder.path() / "f").string();
  std::string part = target + ".abcdef.segments.part";
  std::string journal = target + ".abcdef.segments.journal";
  // The part's name, or the warning or the error.
  std::string found(const std::string& url = kUrl) const {
    const auto found = find_segments(target, url);
    if (!found) return found.error();
    if (found->fd >= 0) ::close(found->fd);
    CHECK((found->fd < 0 || found->parts == half_there()));
    CHECK((found->fd >= 0) == !found->part.empty());
    return found->fd >= 0 ? found->part : found->warning;
  }
};

}  // namespace

TEST_CASE("segment file: a part with its journal is found, written and locked") {
  const Place place;
  CHECK(place.found().empty());
  test::write_file(place.part, "12345");
  CHECK(save_journal(place.part, half_there()));
  CHECK(place.found() == place.part);
  struct stat status = {};
  REQUIRE(::stat(place.journal.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(place.journal + ".new"));
  const auto held = find_segments(place.target, kUrl);
  REQUIRE((held && held->fd >= 0));
  CHECK(::pwrite(held->fd, "x", 1, 7) == 1);
  CHECK(place.found() == "write to " + place.part + ": another process is writing it");
  ::close(held->fd);
  CHECK(test::read_file(place.part).size() == 8);
  remove_journal(place.part);
  CHECK_FALSE(std::filesystem::exists(place.journal));
}

TEST_CASE("segment file: what is not this user's own regular file is not taken, and stays") {
  const Place place;
  const std::string not_used = place.part + " is not used, the download starts anew: ";
  test::write_file(place.part, "12345");
  CHECK(place.found() == not_used + place.journal + ": No such file or directory");
  CHECK(save_journal(place.part, half_there()));
  SUBCASE("of another URL") { CHECK(place.found("http://a.example/g") == not_used + "its journal is of another URL"); }
  SUBCASE("shorter than the journal says") {
    test::write_file(place.part, "1234");
    CHECK(place.found() == not_used + "its journal is not valid: it names bytes after the end of the part");
  }
  SUBCASE("a link as the part") {
    std::filesystem::rename(place.part, place.target);
    std::filesystem::create_symlink(place.target, place.part);
    CHECK(place.found() == not_used + "Too many levels of symbolic links");
  }
  SUBCASE("a pipe as the journal") {
    std::filesystem::remove(place.journal);
    REQUIRE(::mkfifo(place.journal.c_str(), 0600) == 0);
    CHECK(place.found() == not_used + place.journal + ": Operation not permitted");
  }
  SUBCASE("another user's part") {
    if (::chown(place.part.c_str(), 12345, 12345) != 0) return;  // only root can make one
    CHECK(place.found() == not_used + "it is not a file of this user");
  }
  CHECK(std::filesystem::exists(place.part));
  CHECK(std::filesystem::exists(place.journal));
}

TEST_CASE("segment file: a journal is replaced as a whole, and never through a link") {
  const Place place;
  test::write_file(place.target, "mine");
  std::filesystem::create_symlink(place.target, place.journal + ".new");
  CHECK(save_journal(place.part, half_there()));
  CHECK(test::read_file(place.target) == "mine");
  CHECK(test::read_file(place.journal) == format_segment_journal(half_there()));
  const auto refused = save_journal("/nowhere/f.segments.part", half_there());
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "write to /nowhere/f.segments.journal.new: No such file or directory");
}

}  // namespace sluice::cli
