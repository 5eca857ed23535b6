// connected_descriptor() over sockets, FIFOs and pseudo-terminals, and what it refuses.
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "adapters/transport/quiet_write.hpp"
#include "tests/support/child.hpp"
#include "tests/unit/transport/stream_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Gives the number away, as a caller does.
int release(net::Descriptor& descriptor) {
  const int fd = ::fcntl(descriptor.get(), F_DUPFD, 0);
  descriptor.reset();
  return fd;
}

std::atomic<int> sigpipes = 0;

// Counts SIGPIPE for as long as it lives.
struct SigpipeCounter {
  struct sigaction before;
  SigpipeCounter() {
    sigpipes = 0;
    struct sigaction counting = {};
    counting.sa_handler = [](int) { ++sigpipes; };
    REQUIRE(::sigaction(SIGPIPE, &counting, &before) == 0);
  }
  ~SigpipeCounter() { ::sigaction(SIGPIPE, &before, nullptr); }
};

bool sigpipe_is_pending() {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}
bool sigpipe_is_blocked() {
  sigset_t mask;
  return ::pthread_sigmask(SIG_BLOCK, nullptr, &mask) == 0 && sigismember(&mask, SIGPIPE) == 1;
}

struct Terminal {
  net::Descriptor master, slave;
  Terminal() {
    master = net::Descriptor(::posix_openpt(O_RDWR | O_NOCTTY));
    REQUIRE(master);
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    slave = net::Descriptor(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    REQUIRE(slave);
    set(1);
  }
  void set(cc_t min) const {
    termios settings = {};
    REQUIRE(::tcgetattr(slave.get(), &settings) == 0);
    ::cfmakeraw(&settings);
    settings.c_cc[VMIN] = min;
    settings.c_cc[VTIME] = 0;
    REQUIRE(::tcsetattr(slave.get(), TCSANOW, &settings) == 0);
  }
};

void check_refused(int fd, const std::string& words) {
  const auto refused = connected_descriptor(fd, "it");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid_option);
  CHECK(refused.error().message() == words);
  CHECK(is_closed(fd));
}

}  // namespace

TEST_CASE("a connected socket is taken over, carries one connection and is closed with it") {
  SocketPair pair;
  const int fd = release(pair.ours);
  const auto dialer = connected_descriptor(fd);
  REQUIRE(dialer);
  CHECK((*dialer)->name() == "descriptor " + std::to_string(fd));
  CHECK((*dialer)->identity().empty());
  CHECK((*dialer)->max_connections() == 1);
  CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  auto stream = dial(**dialer);
  REQUIRE(open_wholly(*stream));
  CHECK(stream->fd() == fd);
  std::array<std::uint8_t, 16> space;
  CHECK(stream->receive(space).would_block);
  send_all(*stream, "ping");
  char got[8] = {};
  CHECK(::read(pair.theirs.get(), got, 4) == 4);
  CHECK(std::string(got) == "ping");
  REQUIRE(::write(pair.theirs.get(), "pong", 4) == 4);
  CHECK(receive(*stream, 4).text == "pong");

  auto second = (*dialer)->dial({"example.org", 80}, [] {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::connect_failed);
  CHECK(second.error().message() == "connect by " + (*dialer)->name() + ": the stream carries another connection");
  stream.reset();
  CHECK(is_closed(fd));
  second = (*dialer)->dial({"example.org", 80}, [] {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message() == "connect by " + (*dialer)->name() + ": the stream was used and has ended");
}

TEST_CASE("a descriptor that is never dialled is closed with its dialer, and its name is the caller's") {
  SocketPair pair;
  const int fd = release(pair.ours);
  {
    const auto dialer = connected_descriptor(fd, "/dev/ttyS0");
    REQUIRE(dialer);
    CHECK((*dialer)->name() == "/dev/ttyS0");
    CHECK_FALSE(is_closed(fd));
  }
  CHECK(is_closed(fd));
}

TEST_CASE("writing to a socket whose peer is gone is EPIPE without SIGPIPE, and its last bytes are still read") {
  const SigpipeCounter counter;
  SocketPair pair;
  const auto stream = dial(**connected_descriptor(release(pair.ours)));
  REQUIRE(::write(pair.theirs.get(), "last", 4) == 4);
  pair.theirs.reset();
  CHECK(send(*stream, "x").error == EPIPE);
  const Received all = receive(*stream, 100);
  CHECK(all.text == "last");
  CHECK(all.eof);
  CHECK(sigpipes == 0);
}

TEST_CASE("what cannot carry a connection is refused, and closed all the same") {
  const TempFolder folder;
  const std::string file = folder.path() / "file";
  write_file(file, "x");
  check_refused(-1, "it: Bad file descriptor");
  check_refused(1'000'000, "it: Bad file descriptor");
  check_refused(::open(file.c_str(), O_RDWR | O_CLOEXEC), "it: it cannot be waited for: it is a file or the like");
  check_refused(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                "it: it cannot be waited for: it is a file or the like");
  check_refused(::open("/dev/null", O_RDWR | O_CLOEXEC), "it: it cannot be waited for: it is a file or the like");
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  check_refused(ends[0], "it: it is not open for reading and writing");
  check_refused(ends[1], "it: it is not open for reading and writing");
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    SocketPair messages(type);
    check_refused(release(messages.ours), "it: it carries messages, not a stream of bytes");
  }
}

TEST_CASE("a FIFO opened for both gives back what was written, in pieces when it is full") {
  const TempFolder folder;
  const std::string path = folder.path() / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto stream = dial(**connected_descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC)));
  std::array<std::uint8_t, 16> space;
  CHECK(stream->receive(space).would_block);
  const std::array<Bytes, 2> pieces = {as_bytes("one "), as_bytes("two")};
  CHECK(stream->send(pieces).bytes == 7);
  CHECK(receive(*stream, 7).text == "one two");
  const std::string much(1'000'000, 'm');
  const Transferred part = send(*stream, much);
  CHECK(part.bytes > 0);
  CHECK(part.bytes < much.size());
  while (send(*stream, much).bytes > 0) {
  }
  CHECK(send(*stream, much).would_block);
}

TEST_CASE("both sides of a pseudo-terminal can be used, and the other side's end is an end of file") {
  SUBCASE("the master") {
    Terminal terminal;
    const auto stream = dial(**connected_descriptor(release(terminal.master)));
    send_all(*stream, "ping");
    char got[8] = {};
    CHECK(::read(terminal.slave.get(), got, sizeof got) == 4);
    REQUIRE(::write(terminal.slave.get(), "pong", 4) == 4);
    CHECK(receive(*stream, 4).text == "pong");
    std::array<std::uint8_t, 16> space;
    CHECK(stream->receive(space).would_block);
    terminal.slave.reset();
    REQUIRE(wait_for(stream->fd(), POLLIN));
    const Received end = receive(*stream, 1);
    CHECK(end.eof);
    CHECK(end.error == 0);
  }
  SUBCASE("the slave") {
    Terminal terminal;
    const auto stream = dial(**connected_descriptor(release(terminal.slave)));
    send_all(*stream, "ping");
    char got[8] = {};
    CHECK(::read(terminal.master.get(), got, sizeof got) == 4);
    REQUIRE(::write(terminal.master.get(), "pong", 4) == 4);
    CHECK(receive(*stream, 4).text == "pong");
    terminal.master.reset();
    const Received end = receive(*stream, 1);
    CHECK(end.eof);
    CHECK(end.error == 0);
    CHECK(send(*stream, "x").error == EIO);
  }
}

TEST_CASE("a socket that carries no connection is refused at once") {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto fault_of = [](int fd) {
    const auto refused = connected_descriptor(fd, "mine");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
    CHECK(is_closed(fd));
    return refused.error().message();
  };
  CHECK(fault_of(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == "mine: it is not connected");
  CHECK(fault_of(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == "mine: it is not connected");
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  CHECK(fault_of(listener) == "mine: it waits for connections and carries none");
  // One whose other end has left carries what that has sent.
  SocketPair pair;
  REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  pair.theirs.reset();
  CHECK(connected_descriptor(release(pair.ours)).has_value());
}

TEST_CASE("a line set to VMIN 0 that has nothing yet has not ended") {
  Terminal terminal;
  terminal.set(0);
  const auto stream = dial(**connected_descriptor(release(terminal.slave)));
  std::array<std::uint8_t, 16> space;
  const Transferred nothing = stream->receive(space);
  CHECK(nothing.would_block);
  CHECK_FALSE(nothing.eof);
  REQUIRE(::write(terminal.master.get(), "x", 1) == 1);
  CHECK(receive(*stream, 1).text == "x");
  terminal.master.reset();
  CHECK(receive(*stream, 1).eof);
}

TEST_CASE("write_quietly to a pipe nobody reads is EPIPE, and leaves the thread's signals as they were") {
  const SigpipeCounter counter;
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::close(ends[0]);
  const net::Descriptor pipe(ends[1]);
  char text[] = "x";
  const iovec piece = {text, 1};
  const auto check_write = [&] {
    CHECK(transport::write_quietly(pipe.get(), std::span(&piece, 1)) == -1);
    CHECK(errno == EPIPE);
  };
  check_write();
  CHECK_FALSE(sigpipe_is_pending());
  CHECK_FALSE(sigpipe_is_blocked());
  CHECK(sigpipes == 0);

  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &only, &before) == 0);
  check_write();
  CHECK_FALSE(sigpipe_is_pending());
  CHECK(sigpipe_is_blocked());
  REQUIRE(::pthread_kill(::pthread_self(), SIGPIPE) == 0);
  check_write();
  CHECK(sigpipe_is_pending());  // the one from before
  CHECK(sigpipes == 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(sigpipes == 1);
}
