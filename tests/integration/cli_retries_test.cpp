// --retry and what belongs to it, and Expect, of the `sluice` command against scripted servers on loopback.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

std::string status(int code, const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 " + std::to_string(code) + " S\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// Gives its replies one after another, and the last one again and again.
class Sequence {
 public:
  explicit Sequence(std::vector<Reply> replies)
      : replies_(std::move(replies)),
        server_([this](const std::string&) { return replies_[std::min(next_++, replies_.size() - 1)]; }) {}
  std::string url() const { return server_.url(); }
  int requests() const { return server_.requests(); }

 private:
  std::vector<Reply> replies_;
  std::size_t next_ = 0;
  LoopbackServer server_;
};

const std::string kSoon = "--retry-delay=0.01";

}  // namespace

TEST_CASE("--retry: a transient status is tried again, with a warning for each; then the last response counts") {
  Sequence once({{.bytes = status(503, "busy")}, ok("good")});
  const CommandResult result = run_command({"--retry", "3", kSoon, "-w", " %{http_code} %{num_retries}", once.url()});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "good 200 1");
  CHECK(
      result.err.contains("GET " + once.url() + ": the server answered 503 S: tried again in 0.0 s (2 retries left)"));

  Sequence never({{.bytes = status(503, "busy")}});
  CHECK(run_command({"--retry", "2", kSoon, never.url()}).out == "busy");
  CHECK(never.requests() == 3);
  const CommandResult failed = run_command({"-s", "-f", "--retry", "1", kSoon, never.url()});
  CHECK(failed.exit_code == 22);
  CHECK(failed.err.empty());

  Sequence gone({{.bytes = status(404, "gone")}, ok("back")});
  CHECK(run_command({"--retry", "2", kSoon, gone.url()}).out == "gone");
  CHECK(run_command({"--retry", "2", kSoon, "--retry-all-errors", "-f", gone.url()}).out == "back");
}

TEST_CASE("--retry: a device, a pipe or a descriptor has nothing to drop, and what others wrote there stays") {
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  for (const std::string& name : {std::string("/dev/null"), std::string("/dev/stdout")}) {
    CAPTURE(name);
    Sequence head({{.bytes = "HTTP/1.1 503 S\r\nContent-Length: 0\r\n\r\n"}, ok("")});
    CHECK(run_command({"-sS", "--retry", "2", kSoon, "-I", "-o", name, head.url()}, there).exit_code == 0);
    CHECK(head.requests() == 2);
  }
  CommandOptions to_log = there;
  to_log.stdout_path = (folder.path() / "log").string();
  write_file(to_log.stdout_path, "");
  Sequence once({{.bytes = status(503, "busy")}, ok("good")});
  CHECK(run_command({"-sS", "--retry", "2", kSoon, "-o", "/dev/stdout", "-D", "-", once.url()}, to_log).exit_code == 0);
  const std::string log = read_file(to_log.stdout_path);
  CHECK(log.starts_with("HTTP/1.1 503"));  // it was there before the second attempt
  CHECK(log.ends_with("good"));
}

TEST_CASE("--retry: a file that a failed attempt has begun holds only the last one's bytes") {
  const TempFolder folder;
  const std::string file = (folder.path() / "f").string();
  Sequence cut({{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .close = true}, ok("the whole")});
  CHECK(run_command({"--retry", "1", kSoon, "--retry-all-errors", "-o", file, cut.url()}).exit_code == 0);
  CHECK(read_file(file) == "the whole");
  // What was printed cannot be taken back.
  Sequence printed({{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .close = true}, ok("the whole")});
  const CommandResult result = run_command({"--retry", "1", kSoon, "--retry-all-errors", printed.url()});
  CHECK(result.exit_code == 18);
  CHECK(result.out == "half");
}

TEST_CASE("--retry: a refused connection counts by --retry-connrefused, a timeout always, -m for each attempt") {
  const std::string dead = "http://127.0.0.1:" + std::to_string(refused_port()) + "/";
  const CommandResult refused = run_command({"--retry", "2", kSoon, dead});
  CHECK(refused.exit_code == 7);
  CHECK_FALSE(refused.err.contains("tried again"));
  const CommandResult tried = run_command({"--retry", "2", kSoon, "--retry-connrefused", dead});
  CHECK(tried.exit_code == 7);
  CHECK(tried.err.contains("(1 retries left)"));
  CHECK(tried.err.contains("(0 retries left)"));

  Sequence slow({{.bytes = "", .hold = true}, ok("good")});
  const CommandResult late = run_command({"--retry", "1", kSoon, "-m", "0.3", slow.url()});
  CHECK(late.out == "good");
  CHECK(late.err.contains("not finished within 300 ms"));
}

TEST_CASE("--retry: Retry-After past --retry-max-time ends it") {
  Sequence later({{.bytes = status(503, "later", "Retry-After: 100\r\n")}});
  const CommandResult result = run_command({"--retry", "9", "--retry-max-time", "5", later.url()});
  CHECK(result.out == "later");
  CHECK(later.requests() == 1);
}

TEST_CASE("a large body waits for 100 Continue, for --expect100-timeout at most, and is sent again after a 417") {
  const TempFolder folder;
  const std::string file = (folder.path() / "big").string();
  write_file(file, std::string(1024 * 1024 + 1, 'x'));
  LoopbackServer echo([](const std::string& request) {
    const std::size_t end = request.find("\r\n\r\n");
    const bool expects = request.substr(0, end).find("\r\nExpect: 100-continue") != std::string::npos;
    return ok((expects ? "expects " : "plain ") + std::to_string(request.size() - end - 4));
  });
  CHECK(run_command({"-T", file, "--expect100-timeout", "0.05", echo.url()}).out == "expects 1048577");
  CHECK(run_command({"-T", file, "-H", "Expect:", echo.url()}).out == "plain 1048577");
  CHECK(run_command({"--data-binary", "@" + file, "--expect100-timeout", "0.05", echo.url()}).out == "expects 1048577");
  CHECK(run_command({"-d", "small", echo.url()}).out == "plain 5");
}
