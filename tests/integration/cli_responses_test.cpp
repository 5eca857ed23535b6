// How the `sluice` command parses responses and what it shows of them: tolerant, or with --strict, heads as received,
// and bodies with --raw and --tr-encoding.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/features.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/stored_gzip.hpp"

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
  CHECK(run_command({"-v", server.url()}).err.find("< HTTP/1.1 200\n< X-Odd:1  \n< Content-Length:   5\n< \n") !=
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

TEST_CASE(
    "--raw gives the body as it comes, with chunk sizes, trailers and codings, and its connection is used again") {
  constexpr std::string_view kBody = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (const std::string fields : {"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
                                   "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(fields);
    LoopbackServer server(
        [&](const std::string&) { return raw("HTTP/1.1 200 OK\r\n" + fields + "\r\n" + std::string(kBody), false); });
    const CommandResult result =
        run_command({"--raw", "-w", "|%{size_download} %{num_connects}|", server.url(), server.url()});
    CHECK(result.exit_code == 0);
    const std::string size = std::to_string(kBody.size());
    CHECK(result.out == std::string(kBody) + "|" + size + " 1|" + std::string(kBody) + "|" + size + " 0|");
    // The trailers are not told of once more.
    CHECK(run_command({"--raw", "-i", server.url()}).out.ends_with("\r\n\r\n" + std::string(kBody)));
    const CommandResult traced = run_command({"--raw", "-o", "/dev/null", "--trace-ascii", "-", server.url()});
    CHECK(traced.out.find("A: b") == traced.out.rfind("A: b"));
  }
  LoopbackServer server([](const std::string& request) {
    return ok(request.find("Accept-Encoding: ") != std::string::npos ? "asked" : "not asked");
  });
  if (sluice::features().zlib) CHECK(run_command({"--raw", "--compressed", server.url()}).out == "asked");
  LoopbackServer broken(
      [](const std::string&) { return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"); });
  const CommandResult cut = run_command({"--raw", broken.url()});
  CHECK(cut.exit_code == 18);
  CHECK(cut.out == "5\r\nhel");
}

TEST_CASE("--tr-encoding asks for a coded transfer and decodes it") {
  if (!sluice::features().zlib) return;
  const std::string coded = stored_gzip("hello");
  LoopbackServer server([&](const std::string& request) {
    const bool asks =
        request.find("\r\nTE: gzip\r\n") != std::string::npos && request.find("Accept-Encoding") == std::string::npos;
    if (request.starts_with("GET /length ")) return ok("plain");
    const std::string chunks = "1\r\n" + coded.substr(0, 1) + "\r\n" + "1b\r\n" + coded.substr(1) + "\r\n0\r\n\r\n";
    if (request.starts_with("GET /bad ")) return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n<html>");
    if (request.starts_with("GET /end ")) return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + coded);
    if (!asks || request.find("\r\nConnection: x, TE\r\n") == std::string::npos) return ok("not asked");
    return raw("HTTP/1.1 200 OK\r\nContent-Encoding: x-own\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunks,
               false);
  });
  REQUIRE(coded.size() == 1 + 0x1b);
  const CommandResult result =
      run_command({"--tr-encoding", "-H", "Connection: x", "-w", "|%{size_download} %{size_delivered} %{num_connects}|",
                   server.url("/a"), server.url("/b")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "hello|28 5 1|hello|28 5 0|");
  CHECK(run_command({"--tr-encoding", server.url("/length")}).out == "plain");
  CHECK(run_command({"--tr-encoding", server.url("/end")}).out == "hello");
  const CommandResult bad = run_command({"--tr-encoding", server.url("/bad")});
  CHECK(bad.exit_code == 61);
  CHECK(bad.err == "sluice: (61) GET " + server.url("/bad") + ": decode gzip: incorrect header check\n");
  CHECK(run_command({"--tr-encoding", "--no-tr-encoding", server.url("/end")}).exit_code == 61);
  CHECK(run_command({"--tr-encoding", "--no-tr-encoding", server.url("/a")}).out == "not asked");
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
