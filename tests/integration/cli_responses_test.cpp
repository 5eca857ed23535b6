// How the `sluice` command parses responses and what it shows of them: tolerant, or with --strict, and heads as
// received.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {
Reply raw(std::string_view bytes, bool close = true) { return {.bytes = std::string(bytes), .close = close}; }
}  // namespace

TEST_CASE("the command takes what breaks HTTP's rules and is clear all the same, and --strict does not") {
  for (const std::string_view response :
       {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 999 No\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"}) {
    CAPTURE(response);
    LoopbackServer server([&](const std::string&) { return raw(response); });
    const CommandResult taken = run_command({server.url()});
    CHECK(taken.exit_code == 0);
    CHECK(taken.out == "hello");
    const CommandResult refused = run_command({"--strict", server.url()});
    CHECK(refused.exit_code == 8);
    CHECK(refused.err.starts_with("sluice: (8) "));
    CHECK(run_command({"--strict", "--no-strict", server.url()}).out == "hello");
  }
}

TEST_CASE("-i, -I, -D and -v show heads as they came; %{size_header} counts them") {
  constexpr std::string_view kInterim = "HTTP/1.1 103 Hints\r\nLink:</a>\r\n\r\n";
  constexpr std::string_view kHead = "HTTP/1.1 200\r\nX-Odd:1  \r\nContent-Length:   5\r\n\r\n";
  const std::string heads = std::string(kInterim) + std::string(kHead);
  LoopbackServer server(
      [&](const std::string& request) { return raw(heads + (request.starts_with("HEAD") ? "" : "hello")); });
  CHECK(run_command({"-i", server.url()}).out == heads + "hello");
  CHECK(run_command({"-I", server.url()}).out == heads);
  CHECK(run_command({"-D", "-", server.url()}).out == heads + "hello");
  CHECK(run_command({"-v", server.url()}).err.find("< HTTP/1.1 200\n< X-Odd:1  \n< Content-Length:   5\n<\n") !=
        std::string::npos);
  CHECK(run_command({"-w", "|%{size_header}", server.url()}).out == "hello|" + std::to_string(heads.size()));
}

TEST_CASE("1 and 61: what is no HTTP, unless --http0.9 takes it, and a coding that is not decoded") {
  LoopbackServer old([](const std::string&) { return raw("<html>old</html>\r\n"); });
  const CommandResult refused = run_command({old.url()});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.starts_with("sluice: (1) "));
  CHECK(refused.err.ends_with(" at \"<html>old</html>\" (--http0.9 takes it as a body)\n"));
  LoopbackServer newer([](const std::string&) { return raw("HTTP/2 200 OK\r\n\r\n"); });
  const CommandResult version = run_command({newer.url()});
  CHECK(version.exit_code == 1);
  CHECK(version.err.ends_with(" at \"HTTP/2 200 OK\"\n"));
  const CommandResult taken = run_command({"--http0.9", "-i", "-w", "|%{http_code}", old.url()});
  CHECK(taken.exit_code == 0);
  CHECK(taken.out == "<html>old</html>\r\n|000");
  LoopbackServer coded(
      [](const std::string&) { return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"); });
  const CommandResult coding = run_command({coded.url()});
  CHECK(coding.exit_code == 61);
  CHECK(coding.err.find("Transfer-Encoding \"gzip\", which is not decoded here") != std::string::npos);
}

TEST_CASE("percent-encoding is sent as it was given") {
  std::string target;
  LoopbackServer server([&](const std::string& request) {
    target = request.substr(0, request.find(" HTTP/"));
    return ok("x");
  });
  for (const std::string path : {"/%7Euser/%2e%2e/%41?%5F=%61", "/100%", "/?off=50%&a=%zz"}) {
    CHECK(run_command({server.url(path)}).exit_code == 0);
    CHECK(target == "GET " + path);
  }
}
