// The command over HTTP/2 with real servers: what users of curl expect of its output, its exit codes and its files.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/command_runner.hpp"
#include "tests/support/http2_servers.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

template <class Server>
Server& cli_server() {
  static Server server;
  return server;
}

CommandResult run_trusting(const Http2Server& server, std::vector<std::string> arguments,
                           const CommandOptions& options = {}) {
  const std::string root = (server.site().folder() / "root.pem").string();
  arguments.insert(arguments.begin(), {"-sS", "--cacert", root});
  return run_command(arguments, options);
}

}  // namespace

TEST_CASE("cli http2: many URLs share a connection, one after another and at once") {
  const Http2Server& server = cli_server<Nghttpd>();
  std::vector<std::string> urls(20, server.tls() + "/1024");
  for (const bool parallel : {false, true}) {
    std::vector<std::string> arguments = {"-w", "%{stderr}%{http_version} %{num_connects} %{response_code}\n"};
    if (parallel) arguments.emplace_back("-Z");
    arguments.insert(arguments.end(), urls.begin(), urls.end());
    const CommandResult result = run_trusting(server, arguments);
    CHECK(result.exit_code == 0);
    CHECK(result.out.size() == 20 * 1024);
    std::string all = "2 1 200\n";
    for (int i = 1; i < 20; ++i) all = "2 0 200\n" + all;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < result.err.size(); at += 8) lines.push_back(result.err.substr(at, 8));
    std::ranges::sort(lines);
    std::string sorted;
    for (const std::string& line : lines) sorted += line;
    CHECK(sorted == all);
  }
}

TEST_CASE("cli http2: uploads of all kinds come back: -T from a file and from a pipe, -d, -F") {
  const Http2Server& server = cli_server<Nghttpd>();
  const std::string file = (server.site().www() / "1048576").string(), url = server.tls() + "/echo";
  const std::string content = read_file(file);
  CHECK(run_trusting(server, {"-T", file, url}).out == content);
  const CommandResult piped = run_trusting(server, {"-T", "-", url}, {.stdin_text = content.substr(0, 60'000)});
  CHECK(piped.out == content.substr(0, 60'000));
  CHECK(run_trusting(server, {"-d", "a=b", "-w", " %{http_version} %{size_upload}", url}).out == "a=b 2 3");
  const CommandResult form = run_trusting(server, {"-F", "name=@" + file, url});
  CHECK(form.out.find(content) != std::string::npos);
  CHECK(run_trusting(server, {"-H", "Expect: 100-continue", "-d", "slow", url}).out == "slow");
}

TEST_CASE("cli http2: fields of HTTP/1 that a user gives are not sent, and Host becomes :authority") {
  const Http2Server& server = cli_server<Nghttpd>();
  const CommandResult result =
      run_trusting(server, {"-v", "-d", "x", "-H", "Connection: close", "-H", "Transfer-Encoding: chunked", "-H",
                            "Host: other.test", server.tls() + "/echo"});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "x");
  CHECK(result.err.find("* ALPN: server accepted h2\n") != std::string::npos);
  CHECK(result.err.find("* using HTTP/2, stream 1\n") != std::string::npos);
  CHECK(result.err.find("> POST /echo HTTP/2\n> Host: other.test\n") != std::string::npos);
  CHECK(result.err.find("onnection: close") == std::string::npos);
  CHECK(result.err.find("ransfer-") == std::string::npos);
  CHECK(result.err.find("< HTTP/2 200 \n") != std::string::npos);
}

TEST_CASE("cli http2: HEAD, a redirect, a range, -f, and a download that is continued") {
  const Http2Server& server = cli_server<Http2Apache>();
  const std::string content = read_file(server.site().www() / "1024");
  for (const bool tls : {true, false}) {
    const std::string base = tls ? server.tls() : server.plain();
    const auto run = [&](std::vector<std::string> arguments) {
      if (!tls) arguments.insert(arguments.begin(), "--http2-prior-knowledge");
      return run_trusting(server, std::move(arguments));
    };
    CHECK(run({"-I", base + "/1024"}).out.starts_with("HTTP/2 200 \r\n"));
    CHECK(run({"-L", "-o", "/dev/null", "-w", "%{http_version} %{num_redirects} %{num_connects} %{http_code}",
               base + "/go"})
              .out == "2 1 1 200");
    CHECK(run({"-r", "100-199", base + "/1024"}).out == content.substr(100, 100));
    CHECK(run({"-f", base + "/no-such-file"}).exit_code == 22);
    const std::filesystem::path part = server.site().folder() / (tls ? "part" : "other-part");
    write_file(part, content.substr(0, 500));
    CHECK(run({"-C", "-", "-o", part.string(), base + "/1024"}).exit_code == 0);
    CHECK(read_file(part) == content);
  }
  // The server offers an upgrade to h2c, as RFC 7540 had it. It is not taken: the answer is HTTP/1.1.
  CHECK(run_trusting(server, {"--http2", "-o", "/dev/null", "-w", "%{http_version}", server.plain() + "/1"}).out ==
        "1.1");
}

TEST_CASE("cli http2: a server that is killed in the body: exit code 18, as with curl") {
  Nghttpd server;
  const std::string root = (server.site().folder() / "root.pem").string();
  RunningCommand command({"-sS", "--cacert", root, "--limit-rate", "1M", server.tls() + "/20971520"});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  server.kill_now();
  const CommandResult result = command.wait();
  CHECK(result.exit_code == 18);
  CHECK(result.err.find("HTTP/2: the connection ended after ") != std::string::npos);
  CHECK(result.err.find(" of 20971520 bytes of the body") != std::string::npos);
  CHECK(result.out.size() > 100'000);
  CHECK(run_command({"-sS", "--cacert", root, server.tls() + "/1"}).exit_code == 7);
}

TEST_CASE("cli http2: -v tells of TLS and the certificate once, and which stream of the connection each request is") {
  const Http2Server& server = cli_server<Nghttpd>();
  const std::string url = server.tls() + "/1", place = "127.0.0.1 port " + url.substr(18, url.size() - 20);
  const std::string said = run_trusting(server, {"-v", "--rate", "100/s", url, url}).err;
  CAPTURE(said);
  const std::size_t reuse = said.find("* Re-using existing connection with host " + place + " (");
  REQUIRE(reuse != std::string::npos);
  CHECK(said.starts_with("* Connected to " + place + " ("));
  for (const char* once : {"* TLS: TLSv1.3, ", "* ALPN: server accepted h2\n", "* Server certificate:\n*  subject: ",
                           "*  start date: ", "*  expire date: ", "*  SSL certificate verify ok.\n"}) {
    CAPTURE(once);
    CHECK(said.find(once) < reuse);
    CHECK(said.find(once, reuse) == std::string::npos);
  }
  CHECK(said.find("* using HTTP/2, stream 1\n> GET /1 HTTP/2\n") < reuse);
  CHECK(said.find("* using HTTP/2, stream 3\n> GET /1 HTTP/2\n", reuse) != std::string::npos);
  CHECK(said.ends_with("\n< \n"));
}

TEST_CASE("cli http2: a server that speaks HTTP/2 alone and is asked in HTTP/1.1: the one line says what to try") {
  const Http2Server& server = cli_server<Nghttpd>();
  const CommandResult result = run_command({"-sS", server.plain() + "/1"});
  CHECK(result.exit_code == 1);
  CHECK(result.err ==
        "sluice: (1) GET " + server.plain() +
            "/1: response: the server speaks HTTP/2 (the answer begins with SETTINGS); try --http2-prior-knowledge\n");
  CHECK(run_command({"-sS", "--http2-prior-knowledge", server.plain() + "/1"}).exit_code == 0);
}

TEST_CASE("cli http2: a server that is silent is found dead by --keepalive-time, and waited for with --no-keepalive") {
  const LoopbackServer server([](const std::string& request) {
    const bool begins = request.starts_with("PRI * HTTP/2.0\r\n");
    return Reply{.bytes = begins ? std::string("\0\0\0\4\0\0\0\0\0", 9) : std::string()};  // SETTINGS
  });
  const auto run = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"-sS", "--http2-prior-knowledge"});
    options.push_back(server.url());
    return run_command(options);
  };
  const CommandResult dead = run({"--keepalive-time", "1"});
  CHECK(dead.exit_code == 16);
  CHECK(dead.err.find("the peer does not answer a PING") != std::string::npos);
  CHECK(run({"--keepalive-time", "1", "--no-keepalive", "-m", "3"}).exit_code == 28);
}

TEST_CASE("cli http2: the key log has the secrets of the connection") {
  const Http2Server& server = cli_server<Nghttpd>();
  const std::filesystem::path log = server.site().folder() / "keys";
  CHECK(
      run_trusting(server, {"-o", "/dev/null", server.tls() + "/1"}, {.environment = {"SSLKEYLOGFILE=" + log.string()}})
          .exit_code == 0);
  CHECK(read_file(log).find("CLIENT_TRAFFIC_SECRET_0 ") != std::string::npos);
}

TEST_CASE("cli http2: --http1.0: the request, one connection for each, and no body without a length") {
  LoopbackServer server([](const std::string& request) {
    return Reply{.bytes =
                     "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(request.size()) + "\r\n\r\n" + request};
  });
  const CommandResult result =
      run_command({"-s", "-0", "-A", "me", "-w", "%{num_connects}\n", server.url(), server.url()});
  const std::string host = server.url("").substr(7);
  const std::string one = "GET / HTTP/1.0\r\nHost: " + host + "\r\nUser-Agent: me\r\nAccept: */*\r\n\r\n1\n";
  CHECK(result.out == one + one);
  const CommandResult piped = run_command({"-sS", "--http1.0", "-T", "-", server.url()}, {.stdin_text = "x"});
  CHECK(piped.exit_code == 25);
  CHECK(piped.err.find("HTTP/1.0 cannot send a body of unknown length") != std::string::npos);
  CHECK(run_command({"-s", "--http1.0", "-d", "text", server.url()}).out.ends_with("\r\n\r\ntext"));
}
