// --trace and --trace-ascii of the `sluice` command, against scripted servers on loopback.
#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "core/base/ascii.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

// With PORT for the port of the server.
std::string without_port(std::string text, const LoopbackServer& server) {
  const std::string port = std::to_string(server.port());
  for (std::size_t at = text.find(port); at != std::string::npos; at = text.find(port)) {
    text.replace(at, port.size(), "PORT");
  }
  return text;
}

}  // namespace

TEST_CASE("--trace-ascii tells of all hops, of the body that is sent and the one that is received") {
  LoopbackServer server([](const std::string& request) -> Reply {
    if (request.starts_with("POST /from"))
      return {.bytes = "HTTP/1.1 307 Go\r\nLocation: /to\r\nSet-Cookie: a=token\r\nContent-Length: 5\r\n\r\nmoved"};
    return {
        .bytes =
            "HTTP/1.1 103 Soon\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhere\r\n0\r\nT: v\r\n\r\n"};
  });
  const TempFolder folder;
  const std::vector<std::string> arguments = {"-L", "-A",          "a",  "-H",           "Host: h",
                                              "-u", "me:password", "-d", "two\r\nlines", "--trace-ascii"};
  const auto trace = [&](std::vector<std::string> more) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(server.url("/from"));
    const CommandResult result = run_command(all, {.directory = folder.path()});
    CHECK(result.exit_code == 0);
    CHECK(result.out == "here");
    return read_file(folder.path() / "file");
  };
  CHECK(without_port(trace({"file"}), server) ==
        "== Info: Connected to 127.0.0.1 port PORT (127.0.0.1:PORT)\n"
        "=> Send header, 162 bytes (0xa2)\n"
        "0000: POST /from HTTP/1.1\n0015: Host: h\n001e: Authorization: Basic <redacted>\n003f: User-Agent: a\n"
        "004e: Accept: */*\n005b: Content-Length: 10\n"
        "006f: Content-Type: application/x-www-form-urlencoded\n00a0: \n"
        "=> Send data, 10 bytes (0xa)\n0000: two\n0005: lines\n"
        "<= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 307 Go\n"
        "<= Recv header, 15 bytes (0xf)\n0000: Location: /to\n"
        "<= Recv header, 26 bytes (0x1a)\n0000: Set-Cookie: a=<redacted>\n"
        "<= Recv header, 19 bytes (0x13)\n0000: Content-Length: 5\n"
        "<= Recv header, 2 bytes (0x2)\n0000: \n"
        "<= Recv data, 5 bytes (0x5)\n0000: moved\n"
        "== Info: Re-using existing connection with host 127.0.0.1 port PORT (127.0.0.1:PORT)\n"
        "=> Send header, 160 bytes (0xa0)\n"
        "0000: POST /to HTTP/1.1\n0013: Host: h\n001c: Authorization: Basic <redacted>\n003d: User-Agent: a\n"
        "004c: Accept: */*\n0059: Content-Length: 10\n"
        "006d: Content-Type: application/x-www-form-urlencoded\n009e: \n"
        "=> Send data, 10 bytes (0xa)\n0000: two\n0005: lines\n"
        "<= Recv header, 19 bytes (0x13)\n0000: HTTP/1.1 103 Soon\n"
        "<= Recv header, 2 bytes (0x2)\n0000: \n"
        "<= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 200 OK\n"
        "<= Recv header, 28 bytes (0x1c)\n0000: Transfer-Encoding: chunked\n"
        "<= Recv header, 2 bytes (0x2)\n0000: \n"
        "<= Recv data, 4 bytes (0x4)\n0000: here\n"
        "<= Recv header, 6 bytes (0x6)\n0000: T: v\n");
  CHECK(trace({"file", "--trace-secrets"}).contains("0000: Set-Cookie: a=token\n"));
  CHECK(trace({"file", "--trace-secrets"}).contains("Authorization: Basic bWU6cGFzc3dvcmQ=\n"));
}

TEST_CASE("--trace: to standard output, standard error, and a file that cannot be written") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const std::string block =
      "\n<= Recv data, 4 bytes (0x4)\n0000: 62 6f 64 79                                     body\n";
  CHECK(run_command({"--trace", "-", "-o", "file", server.url()}, there).out.ends_with(block));
  CHECK(run_command({"-s", "--trace", "%", "-o", "file", server.url()}, there).err.ends_with(block));
  const CommandResult missing =
      run_command({"--no-progress-meter", "--trace", "none/trace", "-o", "file", server.url()}, there);
  CHECK(missing.exit_code == 0);
  CHECK(missing.err == "sluice: warning: the trace is not written: write to none/trace: No such file or directory\n");
  CHECK(read_file(folder.path() / "file") == "body");
  const CommandResult same = run_command({"-sS", "--trace", "trace", "-o", "./trace", server.url()}, there);
  CHECK(same.exit_code == 23);
  CHECK(same.err.ends_with(": write to ./trace: the trace (--trace) is written there\n"));
}

TEST_CASE("--trace tells of uploads, of a repeated body, and of failures") {
  std::atomic<int> calls = 0;
  LoopbackServer server([&](const std::string&) -> Reply {
    if (++calls == 1) return {.bytes = "", .close = true};
    return ok("");
  });
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  write_file(folder.path() / "up", "uploaded");
  const std::string sent = "=> Send data, 8 bytes (0x8)\n0000: uploaded\n";
  const CommandResult result = run_command({"-sS", "--trace-ids", "--trace-ascii", "-", "--retry", "1",
                                            "--retry-delay=0.01", "--retry-all-errors", "-T", "up", server.url()},
                                           there);
  CHECK(result.exit_code == 0);
  const std::size_t first = result.out.find("[0-0] " + sent);
  const std::size_t failure = result.out.find("[0-0] == Info: the connection was closed before a response began\n");
  const std::size_t second = result.out.find("[0-1] " + sent);
  CHECK(first < failure);
  CHECK(failure < second);
  CHECK(second != std::string::npos);
  const std::string dead = "http://127.0.0.1:" + std::to_string(refused_port()) + "/";
  const CommandResult refused = run_command({"-s", "--trace-ids", "--trace", "-", server.url(), dead});
  CHECK(refused.exit_code == 7);
  CHECK(refused.out.contains("\n[1-x] == Info: GET " + dead + ": connect to "));
}

TEST_CASE("--trace-time and --trace-ids stand before each line of -v") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  const CommandResult ids = run_command({"-v", "--trace-ids", "-A", "a", "-H", "Host: h", "-sS", server.url()});
  CHECK(without_port(ids.err, server) ==
        "[0-0] * Connected to 127.0.0.1 port PORT (127.0.0.1:PORT)\n"
        "[0-0] > GET / HTTP/1.1\n[0-0] > Host: h\n[0-0] > User-Agent: a\n[0-0] > Accept: */*\n[0-0] > \n"
        "[0-0] < HTTP/1.1 200 OK\n[0-0] < Content-Length: 4\n[0-0] < \n");
  const std::string line = run_command({"-v", "--trace-time", "-sS", server.url()}).err;
  // 12:34:56.123456 * Connected
  std::string shape = line.substr(0, 18);
  for (char& c : shape) c = sluice::is_digit(c) ? '0' : c;
  CHECK(shape == "00:00:00.000000 * ");
}
