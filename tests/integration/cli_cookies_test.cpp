// -b, -c and -j of the `sluice` command, and --compressed, against scripted servers on loopback.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/features.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/stored_gzip.hpp"

using namespace sluice::test;

namespace {

std::string answer(const std::string& body, const std::string& fields, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// /set sets two cookies; /go redirects to /end with a third; /gzip, /broken and /cut are coded. The body is the
// request's Cookie field, or of coded ones its Accept-Encoding.
Reply reply(const std::string& request) {
  const auto field = [&](const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return std::string();
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
  };
  const std::string path = request.substr(4, request.find(" HTTP") - 4), cookies = "[" + field("Cookie") + "]";
  const std::string coded = stored_gzip(field("Accept-Encoding") + "\n");
  if (path == "/set") return {.bytes = answer(cookies, "Set-Cookie: a=1\r\nSet-Cookie: b=2; Max-Age=1000\r\n")};
  if (path == "/go") return {.bytes = answer("", "Location: /end\r\nSet-Cookie: c=3\r\n", "302 Found")};
  if (path == "/gzip") return {.bytes = answer(coded, "Content-Encoding: gzip\r\n")};
  if (path == "/broken") return {.bytes = answer("<html>", "Content-Encoding: gzip\r\n")};
  if (path == "/cut") return {.bytes = answer(coded.substr(0, coded.size() - 4), "Content-Encoding: gzip\r\n")};
  if (path == "/unknown") return {.bytes = answer("x", "Content-Encoding: unheard-of\r\n")};
  return ok(cookies);
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("-c and -b: cookies are kept from one run to the next, in a file that only its owner can read") {
  LoopbackServer server(reply);
  const TempFolder folder;
  const std::string jar = (folder.path() / "jar").string();
  const CommandResult first = run_command({"-b", jar, "-c", jar, server.url("/set"), server.url("/two")});
  CHECK(first.exit_code == 0);
  CHECK(first.out == "[][a=1; b=2]");
  CHECK(first.err.empty());
  const std::string text = text_of(jar);
  CHECK(text.find("127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\n") != std::string::npos);
  using std::filesystem::perms;
  CHECK(std::filesystem::status(jar).permissions() == (perms::owner_read | perms::owner_write));
  CHECK(run_command({"-b", jar, server.url("/three")}).out == "[a=1; b=2]");
  CHECK(run_command({"-j", "-b", jar, server.url("/three")}).out == "[b=2]");
  CHECK(run_command({"-b", jar, "-b", "own=0", server.url("/three")}).out == "[a=1; b=2; own=0]");
  CHECK(run_command({server.url("/three"), "--next", "-b", jar, server.url("/three")}).out == "[][a=1; b=2]");
  CHECK(text_of(jar) == text);  // only -c writes
  CHECK(run_command({"-c", "-", "-o", "/dev/null", server.url("/set")}).out.find("\tb\t2\n") != std::string::npos);
}

TEST_CASE("-b with -L: what a redirect sets, the next request has; -b data stays with its host") {
  LoopbackServer server(reply), other(reply);
  CHECK(run_command({"-L", "-b", "", server.url("/go")}).out == "[c=3]");
  CHECK(run_command({"-L", server.url("/go")}).out == "[]");
  CHECK(run_command({"-L", "-b", "x=1", server.url("/go")}).out == "[x=1]");
}

TEST_CASE(
    "SB-73 -c to a file that cannot be written is a warning, and the file before stays; so is a file that is no jar") {
  LoopbackServer server(reply);
  const TempFolder folder;
  const std::string nowhere = (folder.path() / "none" / "jar").string();
  const CommandResult result = run_command({"-c", nowhere, server.url("/set")});
  CHECK(result.exit_code == 0);
  CHECK(result.err.starts_with("sluice: warning: the cookies were not saved: "));
  CHECK(result.err.find(nowhere) != std::string::npos);
  std::ofstream(folder.path() / "text") << "# a comment\nnot a cookie\n";
  const CommandResult other = run_command({"-b", (folder.path() / "text").string(), server.url("/set")});
  CHECK(other.exit_code == 0);
  CHECK(other.out == "[]");
  CHECK(other.err.find("/text: 1 line is not a cookie that can be taken\n") != std::string::npos);
  std::string many;
  for (int i = 0; i < 183; ++i) many += "Set-Cookie: c" + std::to_string(i) + "=1; Domain=a.example; Max-Age=99\n";
  std::ofstream(folder.path() / "many") << many;
  CHECK(
      run_command({"-b", (folder.path() / "many").string(), server.url("/set")})
          .err.contains("/many: it has more cookies than are kept (10000, and 180 of one domain): 3 were left out\n"));
  // SB-73: with no room for the new file (here its size is limited), the old one stays.
  const std::string old = (folder.path() / "old").string();
  std::ofstream(old) << "# mine\n";
  const std::string limited = "ulimit -f 0; trap '' XFSZ; exec '" + command_path() + "' -s -o /dev/null -c '" + old +
                              "' '" + server.url("/set") + "'";
  CHECK(std::system(limited.c_str()) == 0);
  CHECK(text_of(old) == "# mine\n");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  CHECK(files == 3);  // and no part of the new one
  // The failure of a transfer does not cost the cookies of the others.
  const std::string jar = (folder.path() / "jar").string();
  CHECK(run_command({"-c", jar, server.url("/set"), "http://127.0.0.1:1/"}).exit_code == 7);
  CHECK(text_of(jar).find("\tb\t2\n") != std::string::npos);
}

TEST_CASE("--compressed asks for codings, and writes what was decoded") {
  LoopbackServer server(reply);
  if (!sluice::features().zlib) return;
  const CommandResult result =
      run_command({"--compressed", "-w", "%{size_download} %{http_code}", server.url("/gzip")});
  CHECK(result.exit_code == 0);
  const std::size_t line = result.out.find('\n');
  CHECK(result.out.starts_with("gzip, deflate"));
  CHECK(result.out.substr(line + 1) == std::to_string(stored_gzip(result.out.substr(0, line + 1)).size()) + " 200");
  CHECK(run_command({"--compressed", "-H", "Accept-Encoding:", server.url("/gzip")}).out == "\n");
  CHECK(run_command({"--compressed", "-H", "Accept-Encoding: gzip", server.url("/gzip")}).out == "gzip\n");
  CHECK(run_command({server.url("/gzip")}).out == stored_gzip("\n"));
}

TEST_CASE("SB-20 --compressed: faults of the coding are one line and curl's exit code") {
  LoopbackServer server(reply);
  if (!sluice::features().zlib) return;
  const auto fails = [&](const std::string& path, int code, const std::string& text) {
    const CommandResult result = run_command({"-sS", "--compressed", server.url(path)});
    CHECK(result.exit_code == code);
    CHECK(result.err == "sluice: (" + std::to_string(code) + ") GET " + server.url(path) + ": " + text + "\n");
  };
  fails("/broken", 61, "decode gzip: incorrect header check");
  fails("/unknown", 61, "decode a body with the content coding \"unheard-of\": it is not known");
  fails("/cut", 18, "decode the body: the data ended before it was complete");
}
