// child_process(): small programs at the other end, and what is left of them afterwards.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "adapters/net/clock.hpp"
#include "adapters/transport/children.hpp"
#include "tests/support/child.hpp"
#include "tests/unit/transport/stream_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

std::shared_ptr<Dialer> command(Words words) {
  auto dialer = child_process(std::move(words));
  REQUIRE(dialer);
  return *dialer;
}
std::shared_ptr<Dialer> shell(const std::string& script) { return command({"sh", "-c", script}); }

// All that a command says before its end.
std::string said_by(Dialer& dialer, const DialTarget& target = {"example.org", 80}) {
  const auto stream = dial(dialer, target);
  REQUIRE(open_wholly(*stream));
  const Received all = receive(*stream, 1'000'000);
  CHECK(all.error == 0);
  CHECK(all.eof);
  return all.text;
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> all = children_of(::getpid());
  std::sort(all.begin(), all.end());
  return all;
}

// As at the end of a Multi, or of the program.
std::vector<pid_t> children_in_the_end() {
  transport::finish_children();
  return own_children();
}

// Zombies count as well.
bool children_become(const std::vector<pid_t>& expected, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (own_children() != expected) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

TEST_CASE("a child's standard input and output are the stream, both ways and in bulk") {
  const auto before = children_in_the_end();
  {
    const auto dialer = command({"cat"});
    CHECK(dialer->name() == "command cat");
    CHECK(dialer->max_connections() == 0);
    const auto stream = dial(*dialer);
    REQUIRE(open_wholly(*stream));
    std::array<std::uint8_t, 16> space;
    CHECK(stream->receive(space).would_block);
    send_all(*stream, "ping");
    CHECK(receive(*stream, 4).text == "ping");
    std::string sent, got;
    const std::string piece(50'000, 'b');
    while (sent.size() < 2'000'000 || got.size() < sent.size()) {
      if (sent.size() < 2'000'000) sent += piece.substr(0, send(*stream, piece).bytes);
      std::array<std::uint8_t, 65536> room;
      const Transferred moved = stream->receive(room);
      REQUIRE(moved.error == 0);
      got += as_text(std::span(room).first(moved.bytes));
      if (moved.would_block && moved.bytes == 0) REQUIRE(wait_for(stream->fd(), POLLIN));
    }
    CHECK(got == sent);
  }
  CHECK(children_in_the_end() == before);
}

TEST_CASE("a child finds pipes where programs expect them: nothing is a socket, and each direction is its own") {
  const TempFolder folder;
  write_file(folder.path() / ".bashrc", "echo rc\n");
  // bash takes a socket for a remote shell's.
  CHECK(said_by(*command({"env", "-u", "SHLVL", "HOME=" + folder.path().string(), "bash", "-c", "echo said"})) ==
        "said\n");
  CHECK(said_by(*shell("echo a >/dev/stdout; echo b | tee /dev/stdout; echo d >/proc/self/fd/1")) == "a\nb\nb\nd\n");
  const char* const sets_one = "import os; os.set_blocking(0, False); print(os.get_blocking(0), os.get_blocking(1))";
  CHECK(said_by(*command({"python3", "-ISc", sets_one})) == "False True\n");
  for (const char* const path : {"/dev/stdin", "/proc/self/fd/0"}) {
    const auto dialer = command({"head", "-c", "4", path});
    const auto stream = dial(*dialer);
    send_all(*stream, "ping");
    CHECK(receive(*stream, 100).text == "ping");
  }
}

TEST_CASE("a child that closes its output has come to an end, and still reads") {
  const TempFolder folder;
  const std::string file = folder.path() / "read";
  const auto dialer = shell("exec >&-; read line; echo $line >" + file);
  const auto stream = dial(*dialer);
  CHECK(receive(*stream, 1).eof);
  send_all(*stream, "still\n");
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (read_file(file).empty() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  CHECK(read_file(file) == "still\n");
}

TEST_CASE("of a child that has ended the stream knows how, and leaves it to be collected") {
  const auto before = children_in_the_end();
  for (const auto& [script, expected] :
       {std::pair("exit 0", "exited with status 0"), std::pair("exit 127", "exited with status 127"),
        std::pair("kill -9 $$", "killed by signal 9")}) {
    const auto stream = dial(*shell(std::string("read line; ") + script));
    CHECK(stream->end_reason().empty());
    send_all(*stream, "go\n");
    CHECK(receive(*stream, 1).eof);
    for (const pid_t pid : own_children()) {
      siginfo_t info = {};
      if (!std::binary_search(before.begin(), before.end(), pid))
        CHECK(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
    }
    CHECK(stream->end_reason() == expected);
    CHECK(stream->end_reason() == expected);
  }
  CHECK(children_in_the_end() == before);
}

TEST_CASE("a child starts also where standard input and output are closed") {
  const net::Descriptor in(::fcntl(0, F_DUPFD_CLOEXEC, 100)), out(::fcntl(1, F_DUPFD_CLOEXEC, 100));
  ::close(0), ::close(1);
  auto dialer = command({"cat"});
  auto made = dialer->dial({"example.org", 80}, [] {});
  ::dup2(in.get(), 0), ::dup2(out.get(), 1);
  REQUIRE(made);
  send_all(**made, "ping");
  CHECK(receive(**made, 4).text == "ping");
}

TEST_CASE("the target stands in for %h and %p, and no shell looks at it") {
  const auto dialer = command({"printf", "<%%s>", "%h:%p", "%%h", "100%", "%x", "a b;c"});
  CHECK(said_by(*dialer, {"2001:db8::1", 443}) == "<2001:db8::1:443><%h><100%><%x><a b;c>");
  CHECK(said_by(*dialer, {"example.org", 80}) == "<example.org:80><%h><100%><%x><a b;c>");
}

TEST_CASE("a host that could be taken for an option is never handed to a program") {
  const auto dialer = command({"cat"});
  const auto refused = dialer->dial({"-oProxyCommand=evil", 80}, [] {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::connect_failed);
  CHECK(refused.error().message() == "connect by command cat: the host is no name to hand to a program");
}

TEST_CASE("a command that cannot be started says so") {
  const auto before = children_in_the_end();
  const auto dialer = command({"/no/such/program", "--token=secret"});
  const auto failed = dialer->dial({"example.org", 80}, [] {});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == Code::connect_failed);
  CHECK(failed.error().detail == ENOENT);
  CHECK(failed.error().message() == "connect by command /no/such/program: No such file or directory");
  CHECK(own_children() == before);
  for (const Words& none : {Words{}, Words{""}, Words{"", "x"}, Words{"cat", std::string("a\0b", 3)}}) {
    const auto refused = child_process(none);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
  }
}

TEST_CASE("equal commands share connections, others do not, however their words are cut") {
  const auto identity = [](Words words) { return command(std::move(words))->identity(); };
  CHECK(identity({"nc", "%h", "%p"}) == identity({"nc", "%h", "%p"}));
  CHECK_FALSE(identity({"nc", "%h", "%p"}).empty());
  CHECK(identity({"nc", "a b"}) != identity({"nc", "a", "b"}));
  CHECK(identity({"nc", "a", ""}) != identity({"nc", "", "a"}));
  CHECK(identity({"a1:b"}) != identity({"a", "b"}));
  CHECK(identity({"a:", "b"}) != identity({"a", "", "b"}));
  CHECK(identity({"a", "1:b"}) != identity({"a1:", "b"}));
}

TEST_CASE("a child has no signal blocked or ignored, its own end of the stream and nothing else of ours") {
  const net::Descriptor open_to_all(::fcntl(0, F_DUPFD, 100));  // not close-on-exec
  sigset_t all, before;
  sigfillset(&all);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &all, &before) == 0);
  struct sigaction ignore = {}, old = {};
  ignore.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGPIPE, &ignore, &old) == 0);
  const std::string blocked = said_by(*shell("sed -n 's/^SigBlk://p' /proc/self/status"));
  const std::string ignored = said_by(*shell("sed -n 's/^SigIgn://p' /proc/self/status"));
  const std::string open = said_by(*command({"find", "/proc/self/fd", "-lname", "*", "-printf", "%f\n"}));
  ::sigaction(SIGPIPE, &old, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(std::stoull(blocked, nullptr, 16) == 0);
  CHECK(std::stoull(ignored, nullptr, 16) % (1ULL << 31) == 0);  // the two above are the C library's own
  CHECK(open.starts_with("0\n1\n2\n"));
  CHECK(open.find(std::to_string(open_to_all.get()) + '\n') == std::string::npos);
}

TEST_CASE("a child that ends without reading has come to an end, and cannot be written to") {
  const auto dialer = shell("read line; echo bye");  // a shell reads no byte past the line
  const auto stream = dial(*dialer);
  REQUIRE(send(*stream, "line\nunread").bytes == 11);
  const Received all = receive(*stream, 100);
  CHECK(all.text == "bye\n");
  CHECK(all.eof);
  CHECK(all.error == 0);
  REQUIRE(wait_for(stream->write_fd(), 0));  // POLLERR: its two ends go one after the other
  CHECK(send(*stream, "x").error == EPIPE);
}

TEST_CASE("closing a connection ends its child, which is collected by the next that comes") {
  const auto before = children_in_the_end();
  const auto dialer = command({"sleep", "1000"});
  auto stream = dial(*dialer);
  const int fd = stream->fd();
  const auto with_one = own_children();
  CHECK(with_one.size() == before.size() + 1);
  stream.reset();
  CHECK(is_closed(fd));
  std::vector<std::unique_ptr<Transport>> later;
  bool collected = false;
  while (!collected && later.size() < 50) {
    std::this_thread::sleep_for(10ms);
    later.push_back(dial(*dialer));
    const auto now = own_children();
    collected = !std::includes(now.begin(), now.end(), with_one.begin(), with_one.end());
  }
  CHECK(collected);
}

TEST_CASE("a child is told by SIGTERM, and has a little time to obey, also in the end") {
  const TempFolder folder;
  const std::string file = folder.path() / "told";
  const auto careful = [&](const std::string& before) {
    return shell("trap '" + before + "echo told >" + file + "; exit' TERM; echo ready; while :; do :; done");
  };
  SUBCASE("at once") {
    const auto dialer = careful("");
    CHECK(receive(*dial(*dialer), 6).text == "ready\n");
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (read_file(file).empty() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  }
  SUBCASE("in the end") {
    CHECK(receive(*dial(*careful("sleep 0.02; ")), 6).text == "ready\n");
    transport::finish_children();
  }
  CHECK(read_file(file) == "told\n");
}

TEST_CASE(
    "nobody waits for a child when its dialer goes, and in the end nothing is left of one that takes no SIGTERM") {
  const auto before = children_in_the_end();
  auto start = std::chrono::steady_clock::now();
  {
    const auto dialer = shell("trap '' TERM; echo ready; exec sleep 1000");
    std::vector<std::unique_ptr<Transport>> streams;
    for (int i = 0; i < 10; ++i) {
      streams.push_back(dial(*dialer));
      CHECK(receive(*streams.back(), 6).text == "ready\n");
    }
    CHECK(own_children().size() == before.size() + 10);
    start = std::chrono::steady_clock::now();
  }
  CHECK(std::chrono::steady_clock::now() - start < 50ms);
  CHECK(children_in_the_end() == before);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  CHECK_FALSE(transport::children_deadline().has_value());
}

TEST_CASE("while somebody looks when it is due, a child is collected soon after it ended, and killed after a second") {
  const auto before = children_in_the_end();
  dial(*command({"sleep", "1000"})).reset();
  const auto look_until = [](auto over, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!over() && std::chrono::steady_clock::now() < end) {
      const auto due = transport::children_deadline();
      std::this_thread::sleep_for(5ms);
      if (due && *due <= net::read_steady()) transport::collect_children();
    }
    return over();
  };
  CHECK(look_until([&] { return own_children() == before; }, 10s));
  CHECK_FALSE(transport::children_deadline().has_value());
  {
    const auto stream = dial(*shell("trap '' TERM; echo ready; exec sleep 1000"));
    CHECK(receive(*stream, 6).text == "ready\n");
  }
  CHECK_FALSE(look_until([&] { return own_children() == before; }, 900ms));
  CHECK(look_until([&] { return own_children() == before; }, 10s));
}

TEST_CASE("a child that takes no SIGTERM is killed a second later, while its dialer serves others") {
  const auto before = children_in_the_end();
  const auto dialer = shell("trap '' TERM; echo ready; exec sleep 1000");
  auto stream = dial(*dialer);
  CHECK(receive(*stream, 6).text == "ready\n");
  const auto with_one = own_children();
  stream.reset();
  const auto gone = [&](pid_t pid) {
    const auto now = own_children();
    return !std::binary_search(now.begin(), now.end(), pid);
  };
  pid_t stubborn = -1;
  for (const pid_t pid : with_one) {
    if (!std::binary_search(before.begin(), before.end(), pid)) stubborn = pid;
  }
  REQUIRE(stubborn > 0);
  for (int i = 0; i < 5; ++i) {
    dial(*dialer).reset();
    std::this_thread::sleep_for(20ms);
  }
  CHECK_FALSE(gone(stubborn));
  std::this_thread::sleep_for(1000ms);
  dial(*dialer).reset();  // sends SIGKILL
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!gone(stubborn) && std::chrono::steady_clock::now() < end) dial(*dialer).reset();
  CHECK(gone(stubborn));
}

TEST_CASE("a stream may outlive its dialer, and takes its child with it") {
  const auto before = children_in_the_end();
  auto dialer = command({"cat"});
  auto stream = dial(*dialer);
  dialer.reset();
  send_all(*stream, "still");
  CHECK(receive(*stream, 5).text == "still");
  stream.reset();
  CHECK(children_in_the_end() == before);
}

TEST_CASE("a child that somebody else has collected is signalled no more") {
  const auto before = children_in_the_end();
  const auto dialer = command({"true"});
  auto stream = dial(*dialer);
  CHECK(receive(*stream, 1).eof);
  for (const pid_t pid : own_children()) {
    if (!std::binary_search(before.begin(), before.end(), pid)) CHECK(::waitpid(pid, nullptr, 0) == pid);
  }
  CHECK(own_children() == before);
  stream.reset();
  CHECK(children_become(before, 0ms));
}
