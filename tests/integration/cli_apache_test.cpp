// The `sluice` command against a real Apache httpd: Digest with counted nonces that grow old, and files over WebDAV.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/support/apache.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/site.hpp"

using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

const std::string kApacheLogin = std::string(Apache::kUser) + ":" + Apache::kPassword;

// The status alone, and what came of the body.
CommandResult status_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-sS", "-w", "%{http_code}"});
  return run_command(arguments);
}

}  // namespace

TEST_CASE("Apache: a nonce is counted on one connection, and a POST is sent with it") {
  Apache server;
  const std::string url = server.url("/digest/file");
  const CommandResult result =
      run_command({"--digest", "-u", kApacheLogin, "-w", "%{num_connects} ", url, url, url, "--next", "--digest", "-u",
                   kApacheLogin, "-d", "the body", server.url("/digest/echo")});
  INFO(server.log());
  CHECK(result.exit_code == 0);
  CHECK(result.out == "let in\n1 let in\n0 let in\n0 the body");
  CHECK(server.log_of(5) ==
        "401 GET /digest/file -\n200 GET /digest/file 00000001\n200 GET /digest/file 00000002\n"
        "200 GET /digest/file 00000003\n200 POST /digest/echo 00000004\n");
  CHECK(status_of({"--digest", "-u", "Mufasa:wrong", "-o", "/dev/null", url}).out == "401");
}

TEST_CASE("Apache: the nonce that an answer names is used next, and so its count begins anew") {
  Apache server;
  const std::string url = server.url("/digest/brief/file");
  CHECK(run_command({"--digest", "-u", kApacheLogin, url, url}).out == "let in\nlet in\n");
  CHECK(server.log_of(3) ==
        "401 GET /digest/brief/file -\n200 GET /digest/brief/file 00000001\n200 GET /digest/brief/file 00000001\n");
}

TEST_CASE("Apache: a nonce that has grown old is replaced, and the password is not taken for wrong") {
  Apache server;
  const CommandResult result = run_command({"-L", "--digest", "-u", kApacheLogin, server.url("/digest/brief/slow")});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out == "let in\n");
  CHECK(server.log_of(4) ==
        "401 GET /digest/brief/slow -\n302 GET /digest/brief/slow 00000001\n401 GET /digest/brief/file 00000001\n"
        "200 GET /digest/brief/file 00000001\n");
}

TEST_CASE("Apache: -T makes and replaces a file, -X DELETE removes it") {
  Apache server;
  const TempFolder folder;
  const std::string url = server.url("/dav/file"), path = (folder.path() / "up").string();
  write_file(path, "first");
  CHECK(status_of({"-T", path, url}).out.ends_with("201"));
  CHECK(read_file(server.dav() / "file") == "first");
  // So large that it waits for 100 (Continue).
  const std::string large = content_of(3 * 1024 * 1024);
  write_file(path, large);
  const CommandResult put = run_command({"-v", "-sS", "-T", path, url});
  CHECK(put.err.contains("> Expect: 100-continue\n"));
  CHECK(put.err.contains("< HTTP/1.1 100 Continue\n"));
  CHECK(put.err.contains("< HTTP/1.1 204 No Content\n"));
  CHECK(read_file(server.dav() / "file") == large);
  CHECK(status_of({"-T", "-", "-H", "Expect: 100-continue", url}).out == "204");  // in chunks
  CHECK(read_file(server.dav() / "file").empty());
  CHECK(status_of({"-X", "DELETE", url}).out == "204");
  CHECK_FALSE(std::filesystem::exists(server.dav() / "file"));
  const CommandResult gone = run_command({"-sS", "-f", "-X", "DELETE", url});
  CHECK(gone.exit_code == 22);
  CHECK(gone.err == "sluice: (22) DELETE " + url + ": the server answered 404 Not Found\n");
}

TEST_CASE("Apache: a condition on the version guards a PUT, and --etag-compare spares a download") {
  Apache server;
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const std::string url = server.url("/dav/file");
  write_file(folder.path() / "up", "first");
  REQUIRE(run_command({"-sS", "-T", "up", url}, there).exit_code == 0);
  // Of a file that has just changed Apache says no more than a weak tag, which If-Match takes for no match.
  std::filesystem::last_write_time(server.dav() / "file", std::filesystem::file_time_type::clock::now() - 1h);
  const auto saved = [&] { return run_command({"-sS", "--etag-save", "etag", "-o", "down", url}, there).exit_code; };
  REQUIRE(saved() == 0);
  const std::string etag = read_file(folder.path() / "etag").substr(0, read_file(folder.path() / "etag").find('\n'));
  CHECK(etag.starts_with('"'));
  const CommandResult same =
      run_command({"-sS", "--etag-compare", "etag", "-w", "%{http_code} %{size_download}", "-o", "down", url}, there);
  CHECK(same.out == "304 0");
  CHECK(read_file(folder.path() / "down") == "first");
  write_file(folder.path() / "up", "the second");
  const auto put = [&] {
    return run_command({"-sS", "-w", "%{http_code}", "-o", "/dev/null", "-H", "If-Match: " + etag, "-T", "up", url},
                       there)
        .out;
  };
  CHECK(put() == "204");
  CHECK(put() == "412");  // it has another version now
  CHECK(run_command({"-sS", "--etag-compare", "etag", "-o", "down", url}, there).exit_code == 0);
  CHECK(read_file(folder.path() / "down") == "the second");
}
