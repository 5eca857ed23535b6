// The `sluice` command from a user's view: what is sent, what is written where, and in which order. Failures:
// cli_failures_test.cpp.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <csignal>
#include <mutex>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "core/features.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

// Answers with the path, and remembers every request.
class EchoServer {
 public:
  EchoServer() : server_([this](const std::string& request) { return answer(request); }) {}
  std::string url(const std::string& path) const { return server_.url(path); }
  std::string request(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return index < requests_.size() ? requests_[index] : "";
  }
  LoopbackServer& server() { return server_; }

 private:
  Reply answer(const std::string& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const std::size_t begin = request.find(' ') + 1;
    const std::string path = request.substr(begin, request.find(' ', begin) - begin);
    const bool is_head = request.starts_with("HEAD ");
    const std::string head =
        "HTTP/1.1 200 OK\r\nX-Path: " + path + "\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n";
    return {.bytes = is_head ? head : head + path};
  }
  std::mutex mutex_;
  std::vector<std::string> requests_;
  LoopbackServer server_;
};

std::string head_for(const std::string& path) {
  return "HTTP/1.1 200 OK\r\nX-Path: " + path + "\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n";
}

std::string body_of(const std::string& request) {
  const std::size_t end = request.find("\r\n\r\n");
  return end == std::string::npos ? "" : request.substr(end + 4);
}

bool wait_until(const auto& condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

}  // namespace

TEST_CASE("a body goes to the standard output, and nothing else is said on a pipe") {
  EchoServer server;
  const auto result = run_command({server.url("/hello")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "/hello");
  CHECK(result.err == "");
  CHECK(server.request(0).starts_with("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST_CASE("-o, -O, --output-dir and --create-dirs") {
  EchoServer server;
  TempFolder folder;
  const auto result =
      run_command({"-o", "one", server.url("/a"), "-O", server.url("/dir/b.bin?q=1")}, {.directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "");
  CHECK(result.err == "");
  CHECK(read_file(folder.path() / "one") == "/a");
  CHECK(read_file(folder.path() / "b.bin") == "/dir/b.bin?q=1");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);  // and nothing else

  const auto deep = run_command({"--output-dir", "x/y", "--create-dirs", "-o", "z/two", server.url("/c")},
                                {.directory = folder.path()});
  CHECK(deep.exit_code == 0);
  CHECK(read_file(folder.path() / "x/y/z/two") == "/c");
  CHECK((fs::status(folder.path() / "x/y/z").permissions() & fs::perms::others_write) == fs::perms::none);
}

TEST_CASE("an empty body makes an empty file, and a file that was there is replaced with its permissions kept") {
  LoopbackServer server([](const std::string&) { return ok(""); });
  TempFolder folder;
  CHECK(run_command({"-o", "empty", server.url("/")}, {.directory = folder.path()}).exit_code == 0);
  REQUIRE(fs::exists(folder.path() / "empty"));
  CHECK(fs::file_size(folder.path() / "empty") == 0);

  EchoServer echo;
  write_file(folder.path() / "old", "old and much longer than what comes");
  fs::permissions(folder.path() / "old", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("old", folder.path() / "link");
  CHECK(run_command({"-o", "link", echo.url("/new")}, {.directory = folder.path()}).exit_code == 0);
  CHECK(read_file(folder.path() / "old") == "/new");
  CHECK(fs::is_symlink(folder.path() / "link"));
  CHECK(fs::status(folder.path() / "old").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("304 leaves the file that is there alone, and makes none") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = "HTTP/1.1 304 Not Modified\r\n\r\n"}; });
  TempFolder folder;
  write_file(folder.path() / "old", "still right");
  const auto result = run_command({"-o", "old", "-o", "new", server.url(), server.url()}, {.directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK(read_file(folder.path() / "old") == "still right");
  CHECK_FALSE(fs::exists(folder.path() / "new"));
}

TEST_CASE("-i and -D show trailers too") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 7\r\n\r\n"};
  });
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(run_command({"-i", server.url()}).out == head + "okSum: 7\r\n");
  CHECK(run_command({"-s", "-D", "-", "-o", "/dev/null", server.url()}).out == head + "Sum: 7\r\n");
}

TEST_CASE("-i, -I and -D show heads as they came") {
  EchoServer server;
  TempFolder folder;
  CHECK(run_command({"-i", server.url("/a")}).out == head_for("/a") + "/a");
  CHECK(run_command({"-I", server.url("/a")}).out == head_for("/a"));
  CHECK(server.request(1).starts_with("HEAD /a HTTP/1.1\r\n"));
  CHECK(run_command({"-I", "-X", "GET", server.url("/a")}).out == head_for("/a"));

  const auto dumped =
      run_command({"-D", "heads", "-o", "1", "-o", "2", server.url("/x"), server.url("/y"), "--parallel-max", "1"},
                  {.directory = folder.path()});
  CHECK(dumped.exit_code == 0);
  CHECK(read_file(folder.path() / "heads") == head_for("/x") + head_for("/y"));
  CHECK(run_command({"-s", "-D", "-", "-o", "/dev/null", server.url("/z")}).out == head_for("/z"));
}

TEST_CASE("what -d, --json, -G, -H, -A, -e, -r, -u and -X put on the wire") {
  EchoServer server;
  TempFolder folder;
  write_file(folder.path() / "data", "from\nfile");
  std::size_t index = 0;
  const auto sent = [&](std::vector<std::string> arguments) {
    arguments.push_back(server.url("/p"));
    CHECK(run_command(arguments, {.directory = folder.path()}).exit_code == 0);
    return server.request(index++);
  };
  std::string request = sent({"-d", "a=1", "-d", "b=2"});
  CHECK(request.starts_with("POST /p HTTP/1.1\r\n"));
  CHECK(request.find("Content-Type: application/x-www-form-urlencoded\r\n") != std::string::npos);
  CHECK(request.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(body_of(request) == "a=1&b=2");
  CHECK(body_of(sent({"--data-binary", "@data"})) == "from\nfile");

  request = sent({"--json", "{\"a\":1}"});
  CHECK(request.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(body_of(request) == "{\"a\":1}");

  request = sent({"-G", "-d", "q=1"});
  CHECK(request.starts_with("GET /p?q=1 HTTP/1.1\r\n"));
  CHECK(body_of(request) == "");

  request = sent({"-X", "DELETE", "-H", "X-One: 1", "-H", "Accept:", "-A", "agent", "-e", "http://from/", "-r", "0-3",
                  "-u", "me:pw"});
  CHECK(request.starts_with("DELETE /p HTTP/1.1\r\n"));
  for (const char* line : {"X-One: 1\r\n", "User-Agent: agent\r\n", "Referer: http://from/\r\n", "Range: bytes=0-3\r\n",
                           "Authorization: Basic bWU6cHc=\r\n"}) {
    CAPTURE(line);
    CHECK(request.find(line) != std::string::npos);
  }
  CHECK(request.find("Accept:") == std::string::npos);

  // As curl writes them.
  request = sent({"-d", "a", "-H", "X-Empty;", "-H", "X-One: 1"});
  CHECK(request.find("\r\nX-Empty:\r\nX-One: 1\r\nContent-Length: 1\r\n"
                     "Content-Type: application/x-www-form-urlencoded\r\n\r\n") != std::string::npos);
  CHECK(sent({"-H", "Expect: 100-continue"}).find("Expect") == std::string::npos);  // RFC 9110 10.1.1

  request = sent({"-d", "streamed", "-H", "Transfer-Encoding: chunked"});
  CHECK(body_of(request) == "8\r\nstreamed\r\n0\r\n\r\n");
}

TEST_CASE("-T sends a file with its length, and the standard input in chunks") {
  EchoServer server;
  TempFolder folder;
  const std::string large(300'000, 'u');
  write_file(folder.path() / "up", large);
  CHECK(run_command({"-T", "up", server.url("/dir/")}, {.directory = folder.path()}).exit_code == 0);
  CHECK(server.request(0).starts_with("PUT /dir/up HTTP/1.1\r\n"));
  CHECK(server.request(0).find("Content-Length: 300000\r\n") != std::string::npos);
  CHECK(body_of(server.request(0)) == large);

  CHECK(run_command({"-T", "-", server.url("/in")}, {.stdin_text = "from a pipe"}).exit_code == 0);
  CHECK(server.request(1).find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(body_of(server.request(1)).find("from a pipe\r\n0\r\n\r\n") != std::string::npos);

  write_file(folder.path() / "none", "");
  CHECK(run_command({"-T", "none", server.url("/none")}, {.directory = folder.path()}).exit_code == 0);
  CHECK(server.request(2).find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("-T reads a file again where the connection that was kept dies under it") {
  std::mutex mutex;
  std::vector<std::string> requests;
  LoopbackServer server([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    return requests.size() == 2 ? Reply{.bytes = "", .close = true} : ok("x");
  });
  TempFolder folder;
  const std::string large(100'000, 'r');
  write_file(folder.path() / "up", large);
  const auto result =
      run_command({"-sS", "-T", "up", server.url("/a"), "-T", "up", server.url("/b")}, {.directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  REQUIRE(requests.size() == 3);
  CHECK(requests[2].starts_with("PUT /b HTTP/1.1\r\n"));
  CHECK(body_of(requests[2]) == large);
}

TEST_CASE("a standard input that is slow holds nobody up") {
  EchoServer server;
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  TempFolder folder;
  RunningCommand command({"-o", "1", "-T", "-", server.url("/slow"), "-o", "2", server.url("/other")},
                         {.stdin_fd = ends[0], .directory = folder.path()});
  CHECK(wait_until([&] { return fs::exists(folder.path() / "2"); }));  // ends while the first one waits
  REQUIRE(::write(ends[1], "first,", 6) == 6);
  CHECK(wait_until([&] { return server.server().received_bytes() > 0; }));
  REQUIRE(::write(ends[1], "second", 6) == 6);
  ::close(ends[1]);
  const auto result = command.wait();
  ::close(ends[0]);
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(read_file(folder.path() / "1") == "/slow");
  const std::string slow = server.request(0).starts_with("PUT") ? server.request(0) : server.request(1);
  CHECK(body_of(slow).find("first,") != std::string::npos);
  CHECK(body_of(slow).ends_with("second\r\n0\r\n\r\n"));
}

TEST_CASE("-w, after each transfer, with what it was") {
  EchoServer server;
  const auto result =
      run_command({"-w", "%{http_code} %{size_download} %{num_connects} %{remote_ip} %{method}\\n", "-o", "/dev/null",
                   "-o", "/dev/null", "--parallel-max", "1", server.url("/four"), server.url("/12")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "200 5 1 127.0.0.1 GET\n200 3 0 127.0.0.1 GET\n");  // the second on the first one's connection
  CHECK(
      run_command({"-s", "-w", "%{exitcode} %{http_code}", "http://127.0.0.1:" + std::to_string(refused_port()) + "/"})
          .out == "7 000");
}

TEST_CASE("-w %{local_ip} and %{local_port}: of the last connection, also when it is closed") {
  EchoServer server;
  const auto ports = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"-w", "%{local_ip} %{local_port}\\n", "-o", "/dev/null", "-o", "/dev/null",
                               "--parallel-max", "1", server.url("/a"), server.url("/b")});
    const auto result = run_command(more);
    CHECK(result.exit_code == 0);
    const std::size_t line = result.out.find('\n');
    return std::pair(result.out.substr(0, line), result.out.substr(line + 1, result.out.size() - line - 2));
  };
  const auto [first, second] = ports({});
  CHECK(first.starts_with("127.0.0.1 "));
  CHECK(std::stoi(first.substr(10)) > 0);
  CHECK(second == first);  // the same connection
  const auto closed = ports({"-H", "Connection: close"});
  CHECK(closed.first.starts_with("127.0.0.1 "));
  CHECK(closed.second != closed.first);
  CHECK(run_command(
            {"-s", "-w", "[%{local_ip}]%{local_port}", "http://127.0.0.1:" + std::to_string(refused_port()) + "/"})
            .out == "[]0");
}

TEST_CASE("-w %{redirect_url}: the first Location, resolved, or as it came where its scheme is another") {
  const std::vector<std::string> heads = {"", "Location: ../c\r\n", "Location: /1\r\nLocation: http://other/2\r\n",
                                          "Location: ftp://host/a b\r\n", "Location: mailto:me@host\r\n"};
  LoopbackServer server([&](const std::string& request) {
    const std::string& fields = heads.at(static_cast<std::size_t>(request.at(std::string("GET /a/").size()) - '0'));
    return Reply{.bytes = "HTTP/1.1 302 Found\r\n" + fields + "Content-Length: 0\r\n\r\n"};
  });
  const std::vector<std::string> right = {"", server.url("/c"), server.url("/1"), "ftp://host/a b", "mailto:me@host"};
  for (std::size_t i = 0; i < heads.size(); ++i) {
    CAPTURE(heads[i]);
    CHECK(run_command({"-w", "%{redirect_url}", server.url("/a/" + std::to_string(i))}).out == right[i]);
  }
}

TEST_CASE("SB-31 -v tells of the exchange and keeps credentials to itself") {
  EchoServer server;
  const auto result =
      run_command({"-v", "-u", "me:secret", "-H", "Cookie: id=hidden", "-H", "X-Plain: shown", server.url("/v")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "/v");
  for (const char* line :
       {"* Connected to 127.0.0.1 port ", "> GET /v HTTP/1.1\n", "> Authorization: Basic <redacted>\n",
        "> Cookie: <redacted>\n", "> X-Plain: shown\n", "< HTTP/1.1 200 OK\n", "< X-Path: /v\n"}) {
    CAPTURE(line);
    CHECK(result.err.find(line) != std::string::npos);
  }
  for (const char* secret : {"bWU6c2VjcmV0", "secret", "hidden"}) CHECK(result.err.find(secret) == std::string::npos);
}

TEST_CASE("transfers to files run at the same time") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("x");
    reply.hold = true;
    return reply;
  });
  TempFolder folder;
  RunningCommand command({"-o", "1", "-o", "2", "-o", "3", server.url("/1"), server.url("/2"), server.url("/3")},
                         {.directory = folder.path()});
  CHECK(server.wait_for_requests(3));  // none is answered before all have asked
  server.release();
  CHECK(command.wait().exit_code == 0);
  CHECK(server.accepted() == 3);
}

TEST_CASE(
    "with one to the standard output they run in order, on one connection; so does --parallel-max 1; -Z has its way") {
  EchoServer server;
  TempFolder folder;
  auto result =
      run_command({server.url("/1"), "-o", "file", server.url("/2"), server.url("/3")}, {.directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK((result.out == "/2/3" || result.out == "/1/3"));  // which URL the -o goes with is the options' affair
  CHECK(server.server().accepted() == 1);

  result = run_command({"--parallel-max", "1", "-O", "-O", "-O", server.url("/a"), server.url("/b"), server.url("/c")},
                       {.directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK(server.server().accepted() == 2);
  CHECK(read_file(folder.path() / "c") == "/c");

  LoopbackServer held([](const std::string&) {
    Reply reply = ok("x");
    reply.hold = true;
    return reply;
  });
  RunningCommand command({"-Z", held.url("/1"), held.url("/2")});
  CHECK(held.wait_for_requests(2));
  held.release();
  CHECK(command.wait().out == "xx");
}

TEST_CASE("--next begins anew, -K reads options, --resolve and --connect-to lead elsewhere") {
  EchoServer server;
  TempFolder folder;
  auto result = run_command({"-d", "x", server.url("/one"), "--next", server.url("/two")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "/one/two");
  CHECK(server.request(0).starts_with("POST /one "));
  CHECK(server.request(1).starts_with("GET /two "));

  write_file(folder.path() / "config",
             "# a comment\nurl = \"" + server.url("/three") + "\"\nheader = \"X-From: config\"\n");
  result = run_command({"-K", "config"}, {.directory = folder.path()});
  CHECK(result.out == "/three");
  CHECK(server.request(2).find("X-From: config\r\n") != std::string::npos);

  const std::string port = std::to_string(server.server().port());
  result = run_command({"--resolve", "made.up:" + port + ":127.0.0.1", "http://made.up:" + port + "/four"});
  CHECK(result.out == "/four");
  CHECK(server.request(3).find("Host: made.up:" + port + "\r\n") != std::string::npos);
  result = run_command({"--connect-to", "made.up:80:127.0.0.1:" + port, "http://made.up/five"});
  CHECK(result.out == "/five");
}

TEST_CASE("without arguments it says how it is used, unless ~/.sluicerc names a URL") {
  EchoServer server;
  TempFolder folder;
  const CommandOptions home = {.environment = {"HOME=" + folder.path().string()}};
  auto result = run_command({}, home);
  CHECK(result.exit_code == 2);
  CHECK(result.out == "");
  CHECK(result.err.starts_with("Usage: sluice [options] URL..."));
  CHECK(std::ranges::count(result.err, '\n') == 1);
  write_file(folder.path() / ".sluicerc", "url = " + server.url("/from-file"));
  result = run_command({}, home);
  CHECK(result.exit_code == 0);
  CHECK(result.out == "/from-file");
}

TEST_CASE("--demo shows the main job, offline") {
  TempFolder folder;
  const auto result = run_command({"--demo"}, {.environment = {"TMPDIR=" + folder.path().string()}});
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.err == "");
  CHECK(result.out.find("downloaded 24 of 24 files") != std::string::npos);
  CHECK(result.out.find("checksums (SHA-256): 24 of 24 right") != std::string::npos);
  CHECK(result.out.find('\x1b') == std::string::npos);
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("--demo: Ctrl-C ends it with 130 at any time, and leaves nothing behind") {
  for (const std::size_t files : {0UZ, 4UZ, 24UZ}) {  // with all of them there it checks their sums
    CAPTURE(files);
    TempFolder folder;
    RunningCommand command({"--demo"}, {.environment = {"TMPDIR=" + folder.path().string()}});
    const auto whole = [&] {
      std::size_t count = 0;
      std::error_code error;
      for (auto at = fs::recursive_directory_iterator(folder.path(), error); !error && at != fs::end(at);
           at.increment(error)) {
        const fs::path& name = at->path();
        if (name.filename() == "ca.pem")
          ++count;
        else if (at.depth() == 1 && name.extension() != ".part")
          ++count;
      }
      return count > files;
    };
    REQUIRE(wait_until(whole));
    REQUIRE(::kill(command.pid(), SIGINT) == 0);
    const auto result = command.wait();
    CHECK(result.exit_code == 130);
    CHECK(result.err.starts_with("sluice: (130) interrupted"));
    CHECK(std::ranges::count(result.err, '\n') == 1);
    CHECK(result.err.find("part") == std::string::npos);
    CHECK(fs::is_empty(folder.path()));
  }
}

TEST_CASE("--help and --version") {
  auto result = run_command({"--help"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("--output-dir") != std::string::npos);
  result = run_command({"--version"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.starts_with("sluice "));
  // As curl says it.
  CHECK(result.out.contains(", nghttp2/1.") == sluice::features().http2);
  CHECK(result.out.contains(" HTTP2 ") == sluice::features().http2);
}

TEST_CASE("progress on a terminal: a line a transfer while it runs, and a total at the end; -s: nothing") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n" + std::string(1024, 'x')};
  });
  TempFolder folder;
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const int slave = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(slave >= 0);
  const winsize size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  REQUIRE(::ioctl(slave, TIOCSWINSZ, &size) == 0);
  ::fcntl(terminal, F_SETFL, O_NONBLOCK);
  std::string screen;
  const auto seen = [&](const char* text) {
    char buffer[4096];
    const ssize_t count = ::read(terminal, buffer, sizeof(buffer));
    if (count > 0) screen.append(buffer, static_cast<std::size_t>(count));
    return screen.find(text) != std::string::npos;
  };
  {
    RunningCommand command({"-o", "half.bin", server.url("/")}, {.stderr_fd = slave, .directory = folder.path()});
    CHECK(wait_until([&] { return seen(" 50% "); }));
    CHECK(screen.find("half.bin") != std::string::npos);
    CHECK(screen.find("0/1 done") != std::string::npos);
    server.reset_all();
    CHECK(command.wait().exit_code != 0);
    CHECK(wait_until([&] { return seen("1/1 done, 1 failed"); }));
  }
  EchoServer echo;
  screen.clear();
  while (seen("never")) {
  }
  CHECK(run_command({"-s", "-o", "x", echo.url("/x")}, {.stderr_fd = slave, .directory = folder.path()}).exit_code ==
        0);
  screen.clear();
  CHECK(!seen("x"));
  CHECK(screen == "");
  ::close(slave);
  ::close(terminal);
}
