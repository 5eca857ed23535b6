// `sluice --loop NAME`: the command does the same with each loop. What it does is tested in cli_test.cpp; here, each
// loop handles downloads, a slow upload through a pipe, a deadline and Ctrl-C.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/far_side.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/origin_server.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> loops() {
  std::vector<std::string> names = {"select", "poll", "epoll"};
#ifdef SLUICE_HAVE_LIBUV
  names.push_back("libuv");
#endif
  return names;
}

// Runs `check` once for each loop, with the words that choose it.
template <class Check>
void with_each_loop(Check check) {
  for (const std::string& name : loops()) {
    CAPTURE(name);
    check(std::vector<std::string>{"-q", "--loop", name});
  }
}

std::vector<std::string> operator+(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// How many lines are the command's; UBSan, which looks through a pipe, has some of its own where it gets none.
int told(const std::string& err) {
  int lines = 0;
  for (std::size_t at = 0; (at = err.find("sluice: (", at)) != std::string::npos; ++at)
    lines += at == 0 || err[at - 1] == '\n';
  return lines;
}

Reply held(const std::string&) {
  Reply reply = ok("x");
  reply.hold = true;
  return reply;
}

}  // namespace

TEST_CASE("--loop: downloads, plain and over TLS, many at once, end up whole") {
  const OriginServer origin;
  const TempFolder folder;
  write_file(folder.path() / "root.pem", origin.trust()->options().trust_anchors_pem);
  with_each_loop([&](const std::vector<std::string>& chosen) {
    std::vector<std::string> words =
        chosen + std::vector<std::string>{"-s", "--cacert", (folder.path() / "root.pem").string()};
    const std::size_t sizes[] = {0, 1, 5'000, 300'000, 3'000'000};
    for (std::size_t i = 0; i < 40; ++i) {
      const std::string path = "/" + std::to_string(sizes[i % 5]) + "/" + std::to_string(i);
      words = words + std::vector<std::string>{"-o", (folder.path() / std::to_string(i)).string(),
                                               i % 2 ? origin.https(path) : origin.http(path)};
    }
    const CommandResult result = run_command(words);
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    for (std::size_t i = 0; i < 40; ++i) {
      CHECK(read_file(folder.path() / std::to_string(i)) == pattern(sizes[i % 5], i));
    }
  });
}

TEST_CASE("--loop: an upload that comes slowly through a pipe") {
  LoopbackServer server([](const std::string& request) { return ok(std::to_string(request.size())); });
  with_each_loop([&](const std::vector<std::string>& chosen) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const net::Descriptor read(ends[0]);
    net::Descriptor write(ends[1]);
    const int before = server.requests();
    RunningCommand command(chosen + std::vector<std::string>{"-sS", "-T", "-", server.url()}, {.stdin_fd = read.get()});
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(60ms);
      REQUIRE(::write(write.get(), "slow", 4) == 4);
    }
    CHECK(server.requests() == before);  // it waits for more
    write.reset();
    const CommandResult result = command.wait();
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    CHECK(std::stoi("0" + result.out) > 12);
  });
}

TEST_CASE("--loop: a deadline, and a refused connection, are told as ever") {
  LoopbackServer server(held);
  const std::string refused = "http://127.0.0.1:" + std::to_string(refused_port()) + "/";
  with_each_loop([&](const std::vector<std::string>& chosen) {
    const auto begin = std::chrono::steady_clock::now();
    const CommandResult late = run_command(chosen + std::vector<std::string>{"-sS", "-m", "0.3", server.url()});
    CHECK(late.exit_code == 28);
    CHECK(std::chrono::steady_clock::now() - begin >= 300ms);
    CHECK(run_command(chosen + std::vector<std::string>{"-sS", refused}).exit_code == 7);
  });
}

TEST_CASE("--loop: Ctrl-C ends a command that waits") {
  LoopbackServer server(held);
  with_each_loop([&](const std::vector<std::string>& chosen) {
    const int before = server.requests();
    RunningCommand command(chosen + std::vector<std::string>{"-sS", server.url()});
    REQUIRE(server.wait_for_requests(before + 1));
    REQUIRE(::kill(command.pid(), SIGINT) == 0);
    CHECK(command.wait().exit_code == 130);
  });
}

TEST_CASE("--unix-socket: requests go through it with every loop, plain and over TLS, whatever host the URL names") {
  FarSide plain, secure({.tls = true, .cut_after = std::nullopt, .reset = false, .at_once = false});
  const TempFolder folder;
  const std::string path = (folder.path() / "plain.sock").string(), name = fresh_abstract_name();
  plain.listen_unix(path, 4);
  secure.listen_unix(name, 4);
  write_file(folder.path() / "root.pem", secure.trust()->options().trust_anchors_pem);
  with_each_loop([&](const std::vector<std::string>& chosen) {
    const CommandResult one =
        run_command(chosen + std::vector<std::string>{"-sS", "-v", "--unix-socket", path, plain.url("/5000/3")});
    CHECK(one.exit_code == 0);
    CHECK(one.out == pattern(5'000, 3));
    CHECK(one.err.find("Connected to origin.test port 80 (" + path + ")") != std::string::npos);
    const CommandResult other =
        run_command(chosen + std::vector<std::string>{"-sS", "--cacert", (folder.path() / "root.pem").string(),
                                                      "--unix-socket", name, secure.url("/70000/9")});
    CHECK(other.exit_code == 0);
    CHECK(other.out == pattern(70'000, 9));
  });
  const CommandResult gone =
      run_command({"-q", "-sS", "--unix-socket", (folder.path() / "none").string(), "http://origin.test/"});
  CHECK(gone.exit_code == 7);
  CHECK(gone.err.find("connect to " + (folder.path() / "none").string() + ": No such file or directory") !=
        std::string::npos);
  CHECK(run_command({"-q", "--unix-socket", std::string(200, 'x'), "http://origin.test/"}).exit_code == 2);
}

TEST_CASE("--loop: the standard input is left as it was, blocking, and one open file may be input and output") {
  LoopbackServer server(
      [](const std::string& request) { return ok(std::string(request.size() > 20 ? 2'000'000 : 1, 'x')); });
  with_each_loop([&](const std::vector<std::string>& chosen) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const net::Descriptor near(ends[0]);
    net::Descriptor far(ends[1]);
    RunningCommand command(chosen + std::vector<std::string>{"-sS", "-T", "-", server.url()},
                           {.stdin_fd = far.get(), .stdout_fd = far.get()});
    std::this_thread::sleep_for(100ms);  // until it waits for its input
    CHECK((::fcntl(far.get(), F_GETFL) & O_NONBLOCK) == 0);
    REQUIRE(::send(near.get(), "hello", 5, MSG_NOSIGNAL) == 5);
    REQUIRE(::shutdown(near.get(), SHUT_WR) == 0);
    std::this_thread::sleep_for(100ms);  // nobody reads for a while
    CHECK((::fcntl(far.get(), F_GETFL) & O_NONBLOCK) == 0);
    far.reset();
    std::size_t received = 0;
    char bytes[65536];
    for (ssize_t size = 0; (size = ::recv(near.get(), bytes, sizeof bytes, 0)) > 0;)
      received += static_cast<std::size_t>(size);
    const CommandResult result = command.wait();
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    CHECK(received == 2'000'000);
  });
}

TEST_CASE("an output that somebody else has made non-blocking is waited for") {
  LoopbackServer server([](const std::string&) { return ok(std::string(2'000'000, 'x')); });
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const net::Descriptor read(ends[0]);
  net::Descriptor write(ends[1]);
  REQUIRE(::fcntl(write.get(), F_SETFL, O_NONBLOCK) == 0);
  RunningCommand command({"-q", "-sS", server.url()}, {.stdout_fd = write.get()});
  write.reset();
  std::this_thread::sleep_for(100ms);
  std::size_t received = 0;
  char bytes[65536];
  for (ssize_t size = 0; (size = ::read(read.get(), bytes, sizeof bytes)) > 0;)
    received += static_cast<std::size_t>(size);
  const CommandResult result = command.wait();
  CHECK(result.exit_code == 0);
  CHECK(result.err == "");
  CHECK(received == 2'000'000);
}

TEST_CASE("--loop: with few descriptors to be had the command says so, and does not die of it") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  with_each_loop([&](const std::vector<std::string>& chosen) {
    int succeeded = 0;
    for (int most = 5; most <= 26; ++most) {
      CAPTURE(most);
      // A sanitizer's own check at the end wants descriptors as well, and so does UBSan, which must not end the command
      // for want of them.
      const CommandResult result = run_command(
          chosen + std::vector<std::string>{"-sS", server.url()},
          {.most_descriptors = most, .environment = {"ASAN_OPTIONS=detect_leaks=0", "UBSAN_OPTIONS=halt_on_error=0"}});
      CHECK(result.exit_code >= 0);
      if (result.exit_code == 0) {
        ++succeeded;
        CHECK(result.out == "x");
      } else {
        CHECK(told(result.err) == 1);
      }
    }
    CHECK(succeeded > 0);
  });
}

TEST_CASE("--loop: a name that there is not is a usage error") {
  const CommandResult result = run_command({"-q", "--loop", "kqueue", "http://127.0.0.1/"});
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("'kqueue' is none of select, poll, epoll and libuv") != std::string::npos);
}
