// --ssl-sessions: whose file is read, and how it is written.
#include "adapters/cli/tls_session_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/child.hpp"

namespace sluice::cli {
namespace {

constexpr UnixSeconds kSomeDay = 1'800'000'000;

// What is said of a file with these permissions that holds no session.
std::string said_of(mode_t mode) {
  const test::TempFolder folder;
  const std::string path = (folder.path() / "sessions").string();
  const std::string text = TlsSessionStore::create()->export_sessions(kSomeDay);
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  const std::optional<StateFile> file = StateFile{.name = path, .text = text};
  return TlsSessionFile(file, kSomeDay).warning();
}

}  // namespace

TEST_CASE("TLS sessions: a file that others can change is not used") {
  CHECK(said_of(0600) == "");
  CHECK(said_of(0644) == "");
  for (const mode_t mode : {0620u, 0602u, 0666u}) {
    CAPTURE(mode);
    CHECK(said_of(mode).ends_with("is not used: others than its owner, who must be this user, can change it"));
  }
}

}  // namespace sluice::cli
