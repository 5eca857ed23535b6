// adapters/transport/tcp.hpp over loopback, and the default functions of Transport.
#include "adapters/transport/tcp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "adapters/net/socket.hpp"
#include "tests/unit/transport/stream_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Listener {
  net::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Address address{*IpAddress::parse("127.0.0.1"), 0};
  explicit Listener(int backlog = 8) {
    sockaddr_in where = {};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), size) == 0);
    REQUIRE(::listen(socket.get(), backlog) == 0);
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&where), &size) == 0);
    address.port = ntohs(where.sin_port);
  }
  net::Descriptor accept() const { return net::Descriptor(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
};

}  // namespace

TEST_CASE("a TCP transport opens, moves bytes both ways and sees the end") {
  const Listener listener;
  const auto stream = transport::tcp(listener.address);
  CHECK(stream->fd() == -1);
  REQUIRE(open_wholly(*stream));
  const int fd = stream->fd();
  CHECK(*stream->open() == Opening::done);
  CHECK(stream->fd() == fd);
  net::Descriptor peer = listener.accept();
  REQUIRE(peer);

  std::array<std::uint8_t, 16> space;
  CHECK(stream->receive(space).would_block);
  const std::array<Bytes, 4> pieces = {as_bytes("one "), as_bytes("two "), as_bytes("three "), as_bytes("four")};
  CHECK(stream->send(pieces).bytes == 18);
  char got[32] = {};
  CHECK(::recv(peer.get(), got, 18, MSG_WAITALL) == 18);
  CHECK(std::string(got) == "one two three four");
  REQUIRE(::send(peer.get(), "back", 4, MSG_NOSIGNAL) == 4);
  peer.reset();
  const Received all = receive(*stream, 100);
  CHECK(all.text == "back");
  CHECK(all.eof);
  CHECK(stream->describe(EPIPE) == "Broken pipe");
}

TEST_CASE("a TCP connection to this host is open, or refused, at once: nothing need be watched for that") {
  Address nowhere;
  {
    const Listener listener;
    const auto stream = transport::tcp(listener.address);
    const auto opened = stream->open();
    REQUIRE(opened.has_value());
    CHECK(*opened == Opening::done);
    nowhere = listener.address;
  }
  const auto refused = transport::tcp(nowhere)->open();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().detail == ECONNREFUSED);
}

TEST_CASE("a refused TCP connection says where it went") {
  Address nowhere;
  {
    const Listener listener;
    nowhere = listener.address;
  }
  const auto stream = transport::tcp(nowhere);
  const auto result = open_wholly(*stream);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::connect_failed);
  CHECK(result.error().detail == ECONNREFUSED);
  CHECK(result.error().message() == "connect to " + nowhere.to_string() + ": Connection refused");
}

// The queue of a listener with backlog 0 holds one connection; Linux leaves the next SYN unanswered, and the client
// sends it again.
TEST_CASE("a connect that is asked about too early is still under way, and gets there") {
  const Listener listener(0);
  const auto first = transport::tcp(listener.address);
  REQUIRE(open_wholly(*first));
  const auto second = transport::tcp(listener.address);
  for (int i = 0; i < 3; ++i) CHECK(*second->open() == Opening::wait_write);
  const int fd = second->fd();
  const auto asked = net::connect_result(fd, listener.address);
  REQUIRE(asked);
  CHECK_FALSE(*asked);
  const net::Descriptor accepted = listener.accept();
  CHECK(open_wholly(*second));
  CHECK(second->fd() == fd);
  CHECK(*net::connect_result(fd, listener.address));
}

TEST_CASE("a TCP connection that was reset before anybody asked has failed") {
  const Listener listener;
  const net::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(listener.address.port);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0);
  REQUIRE(errno == EINPROGRESS);
  {
    const net::Descriptor peer = listener.accept();
    const linger now = {1, 0};
    REQUIRE(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  }
  const auto result = net::connect_result(socket.get(), listener.address);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().detail == ECONNRESET);
}

TEST_CASE("a TCP transport tells its own address, as its peer sees it") {
  const Listener listener;
  const auto stream = transport::tcp(listener.address);
  CHECK(stream->local_address() == Address{});
  REQUIRE(open_wholly(*stream));
  const net::Descriptor peer = listener.accept();
  sockaddr_in seen = {};
  socklen_t size = sizeof seen;
  REQUIRE(::getpeername(peer.get(), reinterpret_cast<sockaddr*>(&seen), &size) == 0);
  CHECK(stream->local_address() == Address{*IpAddress::parse("127.0.0.1"), ntohs(seen.sin_port)});
}

TEST_CASE("the local address of an IPv6 socket, of a Unix-domain one, and of no socket") {
  const net::Descriptor socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 where = {};
  where.sin6_family = AF_INET6;
  where.sin6_addr = in6addr_loopback;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0) {  // else this system has no IPv6
    const Address local = net::local_address(socket.get());
    CHECK(local.ip == *IpAddress::parse("::1"));
    CHECK(local.port != 0);
  }
  const net::Descriptor unix_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(net::local_address(unix_socket.get()) == Address{});
  CHECK(net::local_address(-1) == Address{});
}
