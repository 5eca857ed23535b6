// unix_socket() against servers in the file system and in the abstract namespace.
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/unit/transport/stream_tools.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

struct UnixListener {
  net::Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  explicit UnixListener(const std::string& path, int backlog = 8) {
    sockaddr_un where = {};
    where.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof where.sun_path);
    std::memcpy(where.sun_path, path.data(), path.size());
    if (path[0] == '@') where.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '@' ? 0 : 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), static_cast<socklen_t>(size)) == 0);
    REQUIRE(::listen(socket.get(), backlog) == 0);
  }
  net::Descriptor accept() const { return net::Descriptor(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
};

std::chrono::nanoseconds time_left(int timer) {
  itimerspec setting = {};
  REQUIRE(::timerfd_gettime(timer, &setting) == 0);
  return std::chrono::seconds(setting.it_value.tv_sec) + std::chrono::nanoseconds(setting.it_value.tv_nsec);
}

std::string abstract_name(const std::string& leaf) { return "@sluice-test-" + std::to_string(::getpid()) + "-" + leaf; }

void check_talk(const std::string& path) {
  const UnixListener listener(path);
  const auto dialer = unix_socket(path);
  REQUIRE(dialer);
  CHECK((*dialer)->name() == path);
  CHECK((*dialer)->identity() == "unix:" + path);
  CHECK((*dialer)->max_connections() == 0);
  const auto stream = dial(**dialer);
  REQUIRE(open_wholly(*stream));
  CHECK((::fcntl(stream->fd(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(stream->fd(), F_GETFD) & FD_CLOEXEC) != 0);
  net::Descriptor peer = listener.accept();
  REQUIRE(peer);
  send_all(*stream, "ping");
  char got[8] = {};
  CHECK(::recv(peer.get(), got, 4, MSG_WAITALL) == 4);
  CHECK(std::string(got) == "ping");
  REQUIRE(::send(peer.get(), "pong", 4, MSG_NOSIGNAL) == 4);
  peer.reset();
  const Received all = receive(*stream, 100);
  CHECK(all.text == "pong");
  CHECK(all.eof);
  CHECK(send(*stream, "more").error == EPIPE);  // and no SIGPIPE
}

}  // namespace

TEST_CASE("a Unix-domain socket carries bytes, by a path and by an abstract name") {
  const TempFolder folder;
  check_talk(folder.path() / "plain.sock");
  check_talk(abstract_name("talk"));
}

TEST_CASE("the longest path there can be is used whole, and no longer one") {
  const TempFolder folder;
  std::string path = folder.path() / "x";
  path.resize(107, 'x');
  check_talk(path);
  const auto longer = unix_socket(path + "x");
  REQUIRE_FALSE(longer.has_value());
  CHECK(longer.error().code == Code::invalid_option);
  CHECK(longer.error().message() == "the path of a Unix-domain socket is longer than 107 bytes");
  std::string name = abstract_name("");
  name.resize(107, 'y');
  check_talk(name);
}

TEST_CASE("a path that cannot be is refused") {
  for (const std::string& path :
       {std::string(), std::string("@"), std::string("/run/a\0b", 8), std::string("@a\0", 3)}) {
    const auto refused = unix_socket(path);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
  }
}

TEST_CASE("a socket nobody listens on is an error that names it") {
  const TempFolder folder;
  const auto check = [](const std::string& path, int error, const std::string& words) {
    const auto stream = dial(**unix_socket(path));
    const auto result = open_wholly(*stream);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Code::connect_failed);
    CHECK(result.error().detail == error);
    CHECK(result.error().message() == "connect to " + path + ": " + words);
  };
  const std::string path = folder.path() / "gone.sock";
  check(path, ENOENT, "No such file or directory");
  {
    const UnixListener listener(path);
  }
  check(path, ECONNREFUSED, "Connection refused");
  check("@sluice-test-nobody", ECONNREFUSED, "Connection refused");
  write_file(folder.path() / "file", "");
  check(folder.path() / "file", ECONNREFUSED, "Connection refused");
}

// A backlog of 1 holds two connections on Linux, and the third connect() says EAGAIN.
TEST_CASE("a server that is too busy to accept is asked again, by a timer, until it does") {
  const std::string path = abstract_name("busy");
  const UnixListener listener(path, 1);
  const auto dialer = unix_socket(path);
  std::vector<std::unique_ptr<Transport>> streams;
  for (int i = 0; i < 8; ++i) {
    streams.push_back(dial(**dialer));
    REQUIRE(streams.back()->open());
  }
  Transport& last = *streams.back();
  const int timer = last.fd();
  const auto before = std::chrono::steady_clock::now();
  int waits = 0;
  while (std::chrono::steady_clock::now() - before < 200ms) {
    REQUIRE(*last.open() == Opening::wait_read);
    REQUIRE(last.fd() == timer);
    if (wait_for(timer, POLLIN, 1000)) ++waits;
  }
  CHECK(waits >= 4);
  CHECK(waits <= 20);
  REQUIRE(*last.open() == Opening::wait_read);
  CHECK(time_left(timer) <= 51ms);
  // Asked again too early it answers as before, and does not wait any longer for it.
  std::this_thread::sleep_for(5ms);
  const auto left = time_left(timer);
  for (int i = 0; i < 10; ++i) CHECK(*last.open() == Opening::wait_read);
  CHECK(time_left(timer) <= left);
  std::vector<net::Descriptor> accepted;
  for (const auto& stream : streams) {
    REQUIRE(open_wholly(*stream));
    accepted.push_back(listener.accept());
  }
  CHECK(last.fd() != timer);
  CHECK_FALSE(is_closed(timer));  // it may be watched still
  const int fd = last.fd();
  CHECK(*last.open() == Opening::done);
  CHECK(last.fd() == fd);
  streams.clear();
  CHECK(is_closed(timer));
  CHECK(is_closed(fd));
}
