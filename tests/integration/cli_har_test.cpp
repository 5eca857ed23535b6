// --har of the `sluice` command, against scripted servers on loopback; the files are read by python3's JSON parser.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <string>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

// Checks what HAR 1.2 demands of every entry, then prints a line for each.
constexpr const char* kReader = R"(
import json, re, sys
log = json.load(open(sys.argv[1], encoding="utf-8"))["log"]
assert log["version"] == "1.2" and log["creator"]["name"] == "sluice" and log["creator"]["version"]
for entry in log["entries"]:
    request, response, timings = entry["request"], entry["response"], entry["timings"]
    for name in "method url httpVersion cookies headers queryString headersSize bodySize".split():
        assert name in request, name
    for name in "status statusText httpVersion cookies headers content redirectURL headersSize bodySize".split():
        assert name in response, name
    assert "size" in response["content"] and "mimeType" in response["content"] and entry["cache"] == {}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["startedDateTime"])
    assert all(timings[name] >= 0 for name in ("send", "wait", "receive"))
    parts = [timings[name] for name in ("blocked", "dns", "connect", "send", "wait", "receive")]
    assert abs(sum(part for part in parts if part != -1) - entry["time"]) < 0.01
    print(request["method"], request["url"], response["status"], entry.get("connection"), entry.get("serverIPAddress"),
          json.dumps(eval(sys.argv[2])))
)";

std::string quoted(const std::string& text) { return "'" + text + "'"; }

// The lines that the reader prints; `what`: a Python expression for the last part of each.
std::string har_facts(const std::filesystem::path& path, const std::string& what = "0") {
  const TempFolder folder;
  write_file(folder.path() / "reader.py", kReader);
  const std::string command = "python3 -I " + quoted((folder.path() / "reader.py").string()) + " " +
                              quoted(path.string()) + " " + quoted(what) + " 2>&1";
  FILE* const output = ::popen(command.c_str(), "r");
  REQUIRE(output != nullptr);
  std::string text;
  char piece[4096];
  while (const std::size_t count = std::fread(piece, 1, sizeof piece, output)) text.append(piece, count);
  ::pclose(output);
  return text;
}

Reply answer(const std::string& start, const std::string& body, bool close = false) {
  return {.bytes = "HTTP/1.1 " + start + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
          .close = close};
}

}  // namespace

TEST_CASE("--har has an entry for each hop: redirects with their cookies, and the connection that they share") {
  LoopbackServer server([](const std::string& request) {
    if (request.starts_with("POST /from"))
      return answer("303 Other\r\nLocation: /to?a=b\r\nSet-Cookie: id=tok", "moved");
    return answer("200 OK\r\nContent-Type: text/plain", "here");
  });
  const TempFolder folder;
  const auto har = folder.path() / "har";
  const CommandResult result = run_command(
      {"-L", "-u", "me:password", "-b", "x=token", "-d", "a body", "--har", har.string(), server.url("/from")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "here");
  CHECK(result.err.find("> ") == std::string::npos);
  const std::string shared = " 0 127.0.0.1 ";
  CHECK(har_facts(har, R"([response["redirectURL"], request["bodySize"], response["content"]["size"]])") ==
        "POST " + server.url("/from") + " 303" + shared + "[\"/to?a=b\", 6, 5]\n" +  //
            "GET " + server.url("/to?a=b") + " 200" + shared + "[\"\", 0, 4]\n");
  CHECK(har_facts(har, R"([h["value"] for h in request["headers"] if h["name"] == "Cookie"])").contains("<redacted>"));
  const std::string text = read_file(har);
  for (const char* secret : {"tok", "password", "bWU6cGFzc3dvcmQ"}) CHECK_FALSE(text.contains(secret));
  CHECK((std::filesystem::status(har).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  run_command(
      {"-L", "-u", "me:password", "-b", "x=token", "--har", har.string(), "--har-secrets", server.url("/from")});
  CHECK(read_file(har).contains("bWU6cGFzc3dvcmQ"));
  CHECK(read_file(har).contains("x=token"));
}

TEST_CASE("--har has challenges and retries, and why a hop failed") {
  std::atomic<int> calls = 0;
  LoopbackServer server([&](const std::string& request) -> Reply {
    if (request.starts_with("GET /retried")) return ++calls == 1 ? Reply{.bytes = "", .reset = true} : ok("good");
    if (request.contains("Authorization: Digest")) return ok("in");
    return answer("401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"", "");
  });
  const TempFolder folder;
  const auto har = folder.path() / "har";
  CHECK(run_command({"--digest", "-u", "me:password", "--har", har.string(), server.url()}).out == "in");
  CHECK(har_facts(har, "[h[\"value\"] for h in request[\"headers\"] if h[\"name\"] == \"Authorization\"]") ==
        "GET " + server.url() + " 401 0 127.0.0.1 []\nGET " + server.url() +
            " 200 0 127.0.0.1 [\"Digest <redacted>\"]\n");
  CHECK(run_command(
            {"--retry", "1", "--retry-delay=0.05", "--retry-all-errors", "--har", har.string(), server.url("/retried")})
            .out == "good");
  const std::string facts = har_facts(har, R"([entry.get("comment", "")[:4], timings["connect"] > 0])");
  CHECK(facts == "GET " + server.url("/retried") + " 0 0 127.0.0.1 [\"GET \", true]\nGET " + server.url("/retried") +
                     " 200 1 127.0.0.1 [\"\", true]\n");
}

TEST_CASE("--har has transfers that failed, with status 0 or with what came, and the error") {
  LoopbackServer server([](const std::string& request) -> Reply {
    if (request.starts_with("GET /cut"))
      return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", .close = true};
    return answer("404 None", "none");
  });
  const TempFolder folder;
  const auto har = folder.path() / "har";
  const std::string refused = "http://127.0.0.1:" + std::to_string(refused_port()) + "/";
  const CommandResult result = run_command(
      {"-f", "--har", har.string(), "http://u:password@" + refused.substr(7), server.url("/cut"), server.url()});
  CHECK(result.exit_code == 22);
  const std::string facts = har_facts(har, R"([entry.get("comment"), response.get("_error") == entry.get("comment")])");
  CHECK(facts.starts_with("GET " + refused + " 0 None None [\"GET " + refused + ": connect to "));
  CHECK(facts.contains("Connection refused\", true]\nGET " + server.url("/cut") + " 200 "));
  CHECK(facts.contains("\", true]\nGET " + server.url() + " 404 "));
  CHECK(facts.ends_with(" 127.0.0.1 [null, true]\n"));
  CHECK_FALSE(read_file(har).contains("password"));
}

TEST_CASE("--har is valid JSON whatever bytes a server sends") {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '\r' && byte != '\n') bytes += static_cast<char>(byte);
  }
  LoopbackServer server(
      [&](const std::string&) { return answer("200 caf\xe9\r\nX-\xff: " + bytes + "\r\nLocation: \"", ""); });
  const TempFolder folder;
  const auto har = folder.path() / "har";
  CHECK(run_command({"--har", har.string(), server.url()}).exit_code == 0);
  CHECK(har_facts(har, R"([response["statusText"] == "caf\u00e9", response["headers"][0]["name"] == "X-\u00ff"])") ==
        "GET " + server.url() + " 200 0 127.0.0.1 [true, true]\n");
}

TEST_CASE("--har: a file that cannot be written is one line, and no download is lost") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const CommandResult result =
      run_command({"--no-progress-meter", "--har", "missing/har", "-o", "file", server.url()}, there);
  CHECK(result.exit_code == 23);
  CHECK(result.err == "sluice: (23) the HAR was not saved: write to missing/har: No such file or directory\n");
  CHECK(read_file(folder.path() / "file") == "body");
  write_file(folder.path() / "har", "old");
  const CommandResult same = run_command({"-sS", "--har", "har", "-o", "./har", server.url()}, there);
  CHECK(same.exit_code == 23);
  CHECK(same.err.ends_with(": write to ./har: the HAR (--har) is written there\n"));
  CHECK(har_facts(folder.path() / "har").empty());  // nothing was asked for
  const CommandResult printed = run_command({"--har", "-", "-o", "file", server.url()}, there);
  write_file(folder.path() / "har", printed.out);
  CHECK(har_facts(folder.path() / "har") == "GET " + server.url() + " 200 0 127.0.0.1 0\n");
}

TEST_CASE("--har is written when the run is interrupted, with what had come until then") {
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"}; });
  const TempFolder folder;
  RunningCommand command({"--har", "har", "-o", "file", server.url()}, {.directory = folder.path()});
  REQUIRE(server.wait_for_replies(1));
  const auto part_has_come = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.path().extension() == ".part" && entry.file_size() == 4) return true;
    }
    return false;
  };
  for (int i = 0; i < 1000 && !part_has_come(); ++i) ::usleep(10'000);
  REQUIRE(::kill(command.pid(), SIGINT) == 0);
  CHECK(command.wait().exit_code == 130);
  CHECK(har_facts(folder.path() / "har", R"([entry["comment"], response["bodySize"], timings["receive"] > 0])") ==
        "GET " + server.url() + " 200 0 127.0.0.1 [\"interrupted\", 4, true]\n");
}
