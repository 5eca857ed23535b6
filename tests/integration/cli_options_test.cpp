// What some options of the `sluice` command do that are for convenience: --variable, --expand-OPTION, --rate, --xattr,
// --stderr, -D % and globs in -T. Against scripted servers on loopback.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/xattr.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

// Answers every request with its path, and remembers it.
class OptionsServer {
 public:
  OptionsServer() : server_([this](const std::string& request) { return answer(request); }) {}
  std::string url(const std::string& path) const { return server_.url(path); }
  // After `http://` and `user:password@`.
  std::string url_with_login(const std::string& path) const { return "http://me:secret@" + url(path).substr(7); }
  // "PUT /a <body>", in the order of their arrival.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  // "/to/a" redirects to "/a"; "/fail" is a 404.
  Reply answer(const std::string& request) {
    const std::string line = request.substr(0, request.find(" HTTP/"));
    const std::string path = line.substr(line.find(' ') + 1);
    const std::lock_guard lock(mutex_);
    requests_.push_back(line + " " + request.substr(request.find("\r\n\r\n") + 4));
    if (path.starts_with("/to/")) {
      return {.bytes = "HTTP/1.1 302 Found\r\nLocation: " + path.substr(3) + "\r\nContent-Length: 0\r\n\r\n"};
    }
    const std::string status = path == "/fail" ? "404 Gone" : "200 OK";
    return {.bytes = "HTTP/1.1 " + status + "\r\nContent-Type: text/x-test\r\nContent-Length: " +
                     std::to_string(path.size()) + "\r\n\r\n" + path};
  }
  std::mutex mutex_;
  std::vector<std::string> requests_;
  LoopbackServer server_;
};

// "none": it has no such attribute.
std::string attribute_of(const std::filesystem::path& path, const char* name) {
  char value[512];
  const ssize_t size = ::getxattr(path.c_str(), name, value, sizeof value);
  return size < 0 ? "none" : std::string(value, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("--variable: from the environment, files and the standard input, into URL, body and file name") {
  OptionsServer server;
  const TempFolder folder;
  write_file(folder.path() / "f", "a \"b\"\n");
  write_file(folder.path() / "k", "variable = body@f\nexpand-data-raw = \"{\\\"x\\\":\\\"{{body:trim:json}}\\\"}\"\n");
  const CommandResult result =
      run_command({"-sS", "--variable", "%SLUICE_TEST_PATH", "--variable", "%SLUICE_TEST_GONE=o ut", "--variable",
                   "in@-", "-K", "k", "--expand-url", server.url("/{{SLUICE_TEST_PATH:url}}?{{in:b64}}"),
                   "--expand-output", "{{SLUICE_TEST_GONE}}"},
                  {.stdin_text = std::string("a\0b", 3),
                   .directory = folder.path(),
                   .environment = {"SLUICE_TEST_PATH=p/q", "SLUICE_TEST_GONE_NOT=1"}});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(server.requests() == std::vector<std::string>{"POST /p%2Fq?YQBi {\"x\":\"a \\\"b\\\"\"}"});
  CHECK(read_file(folder.path() / "o ut") == "/p%2Fq?YQBi");
}

TEST_CASE("--variable: what is wrong is told before anything is sent") {
  OptionsServer server;
  const CommandResult gone = run_command({"--variable", "%SLUICE_TEST_GONE", server.url("/")});
  CHECK(gone.exit_code == 2);
  CHECK(gone.err == "sluice: (2) option --variable: the environment has no 'SLUICE_TEST_GONE'; try 'sluice --help'\n");
  const CommandResult nul = run_command({"--variable", "in@-", "--expand-data", "{{in}}", server.url("/")},
                                        {.stdin_text = std::string("a\0b", 3)});
  CHECK(nul.exit_code == 2);
  const CommandResult open = run_command({"-s", "-S", "--expand-data", "{{in", server.url("/")});
  CHECK(open.exit_code == 0);
  CHECK(server.requests() == std::vector<std::string>{"POST / {{in"});
}

TEST_CASE("--rate: transfers begin in order and no sooner than it says, with every loop, and without a busy loop") {
  for (const char* loop : {"select", "poll", "epoll", "libuv"}) {
    CAPTURE(loop);
    OptionsServer server;
    const auto used = [] {
      rusage usage = {};
      ::getrusage(RUSAGE_CHILDREN, &usage);
      return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1'000'000 +
             usage.ru_stime.tv_usec;
    };
    const auto before = used();
    const auto begin = std::chrono::steady_clock::now();
    const CommandResult result = run_command(
        {"-sS", "--loop", loop, "--rate", "10/2s", "--remote-name-all", server.url("/[1-4]"), server.url("/5")});
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(result.exit_code == 0);
    CHECK(server.requests() == std::vector<std::string>{"GET /1 ", "GET /2 ", "GET /3 ", "GET /4 ", "GET /5 "});
    CHECK(took >= std::chrono::milliseconds(800));
    CHECK(took < std::chrono::seconds(30));
    CHECK(used() - before < 600'000);  // it waits 800 ms
  }
}

TEST_CASE("--rate: what is not sent does not count, -Z ignores it, and --fail-early does not wait") {
  OptionsServer server;
  const TempFolder folder;
  write_file(folder.path() / "1", "there");
  const auto begin = std::chrono::steady_clock::now();
  const CommandResult skipped =
      run_command({"-s", "--rate", "1/d", "--skip-existing", "--remote-name-all", "-T", "gone", server.url("/4"),
                   server.url("/1"), "gopher://h/3", server.url("/2")},
                  {.directory = folder.path()});
  CHECK(skipped.exit_code == 26);
  CHECK(server.requests() == std::vector<std::string>{"GET /2 "});
  CHECK(run_command({"-sS", "--rate", "1/d", "-Z", server.url("/[1-3]")}).exit_code == 0);
  CHECK(server.requests().size() == 4);
  CHECK(run_command({"-sS", "--rate", "1/d", "--fail-early", "http://127.0.0.1:1/", server.url("/5")}).exit_code == 7);
  CHECK(server.requests().size() == 4);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
}

TEST_CASE("--xattr: the file says where it is from and what it is, without credentials") {
  OptionsServer server;
  const TempFolder folder;
  write_file(folder.path() / "probe", "");
  if (::setxattr((folder.path() / "probe").c_str(), "user.sluice.probe", "x", 1, 0) != 0) return;
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--no-progress-meter", "--xattr"});
    const CommandResult result = run_command(arguments, {.directory = folder.path()});
    CHECK(result.err.find("warning") == std::string::npos);
  };
  run({"-o", "a", server.url_with_login("/a?b=c")});
  CHECK(read_file(folder.path() / "a") == "/a?b=c");
  CHECK(attribute_of(folder.path() / "a", "user.creator") == "sluice");
  CHECK(attribute_of(folder.path() / "a", "user.mime_type") == "text/x-test");
  CHECK(attribute_of(folder.path() / "a", "user.xdg.origin.url") == server.url("/a?b=c"));
  CHECK(attribute_of(folder.path() / "a", "user.xdg.referrer.url") == "none");
  // As in curl: the URL that was asked for, and the last referrer.
  run({"-L", "-e", ";auto", "-o", "b", server.url_with_login("/to/b")});
  CHECK(attribute_of(folder.path() / "b", "user.xdg.origin.url") == server.url("/to/b"));
  CHECK(attribute_of(folder.path() / "b", "user.xdg.referrer.url") == server.url("/to/b"));
  run({"-e", "http://me:secret@r/", "-o", "c", server.url("/c")});
  CHECK(attribute_of(folder.path() / "c", "user.xdg.referrer.url") == "http://r/");
  run({"--fail-with-body", "-o", "d", server.url("/fail")});
  CHECK(read_file(folder.path() / "d") == "/fail");
  CHECK(attribute_of(folder.path() / "d", "user.creator") == "none");
  run({"--no-xattr", "-o", "e", server.url("/e")});
  CHECK(attribute_of(folder.path() / "e", "user.creator") == "none");
}

TEST_CASE("--xattr: where attributes are refused the download is well, with one warning") {
  OptionsServer server;
  const CommandResult result = run_command({"--no-progress-meter", "--xattr", "-o", "/dev/null", server.url("/a")});
  CHECK(result.exit_code == 0);
  CHECK(result.err ==
        "sluice: warning: option --xattr: set the attribute user.creator of /dev/null: Operation not permitted\n");
  CHECK(run_command({"--no-progress-meter", "--xattr", server.url("/a")}).err.empty());
}

TEST_CASE("--stderr: messages and heads for the standard error go to a file, or to the standard output") {
  OptionsServer server;
  const TempFolder folder;
  write_file(folder.path() / "log", "an earlier one that is longer than what comes now: " + std::string(2000, 'x'));
  const std::string refused = "sluice: (7) GET http://127.0.0.1:1/: connect to 127.0.0.1:1: Connection refused\n";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/x-test\r\nContent-Length: 2\r\n\r\n";
  CommandResult result = run_command(
      {"-sS", "--stderr", "log", "-D", "%", "-w", "%{stderr}done%{stdout}\n", server.url("/a"), "http://127.0.0.1:1/"},
      {.directory = folder.path()});
  CHECK(result.exit_code == 7);
  CHECK(result.err.empty());
  CHECK(result.out == "/a\n\n");
  CHECK(read_file(folder.path() / "log") == head + "done" + refused + "done");
  result = run_command({"-sS", "-D", "%", "--stderr", "-", server.url("/b"), "http://127.0.0.1:1/"});
  CHECK(result.err.empty());
  CHECK(result.out == head + "/b" + refused);
  result = run_command({"-sS", "-D", "%", "--create-dirs", server.url("/c")}, {.directory = folder.path()});
  CHECK(result.err == head);
  CHECK(result.out == "/c");
  CHECK_FALSE(std::filesystem::exists(folder.path() / "%"));
  result = run_command({"-sS", "--stderr", "/dev/stdout", "http://127.0.0.1:1/"});
  CHECK(result.out == refused);
}

TEST_CASE("--stderr: a file that cannot be written, or that a body is for, is an error") {
  OptionsServer server;
  const TempFolder folder;
  const CommandResult gone = run_command({"--stderr", "gone/log", server.url("/a")}, {.directory = folder.path()});
  CHECK(gone.exit_code == 23);
  CHECK(gone.err == "sluice: (23) option --stderr: write messages to gone/log: No such file or directory\n");
  const CommandResult same =
      run_command({"-s", "-S", "--stderr", "log", "-o", "./log", server.url("/a")}, {.directory = folder.path()});
  CHECK(same.exit_code == 23);
  CHECK(read_file(folder.path() / "log").ends_with("messages (--stderr) are written there\n"));
  CHECK(server.requests().empty());
}

TEST_CASE("-T: globs send each file to each URL, and -g turns them off") {
  OptionsServer server;
  const TempFolder folder;
  for (const char* name : {"a", "b", "f1", "f2", "{a,b}"}) write_file(folder.path() / name, std::string("of ") + name);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "-sS");
    return run_command(arguments, {.directory = folder.path()});
  };
  CommandResult result = run({"-T", "{a,b}", server.url("/[1-2]/"), "-T", "f[1-2]", server.url("/3/")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "/1/a/2/a/1/b/2/b/3/f1/3/f2");
  CHECK(server.requests() == std::vector<std::string>{"PUT /1/a of a", "PUT /2/a of a", "PUT /1/b of b",
                                                      "PUT /2/b of b", "PUT /3/f1 of f1", "PUT /3/f2 of f2"});
  result = run({"-g", "-T", "{a,b}", server.url("/x")});
  CHECK(result.exit_code == 0);
  CHECK(server.requests().back() == "PUT /x of {a,b}");
  // One that cannot be read does not stop the others.
  result = run({"--fail-all", "-T", "{gone,b}", server.url("/4/")});
  CHECK(result.exit_code == 26);
  CHECK(result.err == "sluice: (26) " + server.url("/4/") + ": read gone: No such file or directory\n");
  CHECK(server.requests().back() == "PUT /4/b of b");
  result = run({"-T", "f[1-", server.url("/5/")});
  CHECK(result.exit_code == 3);
  CHECK(server.requests().size() == 8);
}
