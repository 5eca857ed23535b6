// adapters/net/poller over pipes and adapters/net/socket over loopback.
#include "adapters/net/poller.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "adapters/net/clock.hpp"
#include "adapters/net/socket.hpp"

using namespace sluice;
using namespace sluice::net;

namespace {

struct Pair {
  Descriptor a, b;
  Pair() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    a = Descriptor(ends[0]);
    b = Descriptor(ends[1]);
  }
};

struct Listener {
  Descriptor socket;
  Address address;
  explicit Listener(int family) {
    socket = Descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return;
    sockaddr_storage storage = {};
    storage.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(storage).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.ip = *IpAddress::parse("127.0.0.1");
    } else {
      reinterpret_cast<sockaddr_in6&>(storage).sin6_addr = in6addr_loopback;
      address.ip = *IpAddress::parse("::1");
    }
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(socket.get(), 8) != 0) {
      socket.reset();
      return;
    }
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) == 0);
    address.port = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in&>(storage).sin_port
                                           : reinterpret_cast<sockaddr_in6&>(storage).sin6_port);
  }
};

Result<void> await_connected(const Connecting& connecting, const Address& address) {
  pollfd one = {connecting.socket.get(), POLLOUT, 0};
  REQUIRE(::poll(&one, 1, 10'000) == 1);
  const auto connected = connect_result(connecting.socket.get(), address);
  if (!connected) return std::unexpected(connected.error());
  CHECK(*connected);
  return {};
}

}  // namespace

TEST_CASE("Descriptor closes once, and never what it gave away") {
  const int fd = ::dup(0);
  {
    Descriptor first(fd);
    Descriptor second(std::move(first));
    CHECK(first.get() == -1);
    CHECK(second.get() == fd);
    Descriptor& same = second;
    second = std::move(same);
    CHECK(::fcntl(fd, F_GETFD) >= 0);
    second.reset();
    CHECK(::fcntl(fd, F_GETFD) < 0);
    CHECK(::dup(0) == fd);  // the number is someone else's now
  }
  CHECK(::fcntl(fd, F_GETFD) >= 0);
  ::close(fd);
}

TEST_CASE("Poller reports what was asked for, with the generation it was given") {
  auto poller = Poller::create();
  REQUIRE(poller);
  const Pair pair;
  CHECK(poller->wait(0) == 0);
  CHECK_FALSE(poller->has_ready());
  REQUIRE(poller->add(pair.a.get(), kEventRead, 7) == 0);
  CHECK(poller->add(pair.a.get(), kEventRead, 7) == EEXIST);
  CHECK(poller->wait(0) == 0);
  CHECK_FALSE(poller->has_ready());
  REQUIRE(::write(pair.b.get(), "x", 1) == 1);
  CHECK(poller->wait(1000) == 0);
  auto ready = poller->next();
  REQUIRE(ready);
  CHECK(ready->fd == pair.a.get());
  CHECK(ready->generation == 7);
  CHECK(ready->events == kEventRead);
  CHECK_FALSE(poller->next().has_value());
  REQUIRE(poller->modify(pair.a.get(), kEventRead | kEventWrite, 0xffff'ffff) == 0);
  CHECK(poller->wait(1000) == 0);
  ready = poller->next();
  REQUIRE(ready);
  CHECK(ready->events == (kEventRead | kEventWrite));
  CHECK(ready->generation == 0xffff'ffff);
  REQUIRE(poller->remove(pair.a.get()) == 0);
  CHECK(poller->wait(0) == 0);
  CHECK_FALSE(poller->has_ready());
}

TEST_CASE("Poller's wakeup is kept until a wait sees it, and is no event") {
  auto poller = Poller::create();
  REQUIRE(poller);
  poller->wakeup();
  poller->wakeup();
  CHECK_FALSE(poller->take_woken());
  CHECK(poller->wait(10'000) == 0);
  CHECK_FALSE(poller->has_ready());
  CHECK(poller->take_woken());
  CHECK_FALSE(poller->take_woken());
  CHECK(poller->wait(0) == 0);
  CHECK_FALSE(poller->take_woken());
}

TEST_CASE("Poller's timer makes its descriptor readable at the earliest time that was set, and is no event") {
  using namespace std::chrono_literals;
  auto poller = Poller::create();
  REQUIRE(poller);
  const auto readable = [&](int ms) {
    pollfd one = {poller->fd(), POLLIN, 0};
    return ::poll(&one, 1, ms) == 1;
  };
  const Instant begin = read_steady();
  poller->set_timer(begin + 1h);
  poller->set_timer(std::nullopt);
  CHECK_FALSE(readable(0));
  poller->set_timer(begin + 100ms);
  poller->set_timer(begin + 2h);  // a later one waits for the earlier one to run out
  CHECK(readable(10'000));
  CHECK(read_steady() - begin >= 100ms);
  REQUIRE(poller->wait(0) == 0);
  CHECK_FALSE(poller->has_ready());
  CHECK_FALSE(poller->take_woken());
  CHECK_FALSE(readable(0));
  poller->set_timer(begin);  // in the past: at once
  CHECK(readable(0));
  REQUIRE(poller->wait(0) == 0);
  CHECK_FALSE(readable(0));
  poller->set_timer(Instant{});  // also the zero that would disarm it
  CHECK(readable(1000));
}

TEST_CASE("start_connect over IPv4 and IPv6: non-blocking, close-on-exec, no delay") {
  for (const int family : {AF_INET, AF_INET6}) {
    const Listener listener(family);
    if (!listener.socket) continue;  // no IPv6 here
    const auto started = start_connect(listener.address);
    REQUIRE(started);
    const int fd = started->socket.get();
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    int on = 0;
    socklen_t size = sizeof on;
    CHECK(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
    CHECK(on != 0);
    CHECK(await_connected(*started, listener.address));
    const Descriptor peer(::accept(listener.socket.get(), nullptr, nullptr));
    REQUIRE(peer);

    std::array<std::uint8_t, 64> space;
    CHECK(receive(fd, space).would_block);
    const std::array<Bytes, 3> spans = {as_bytes("one "), as_bytes("two "), as_bytes("three")};
    CHECK(send(fd, spans).bytes == 13);
    char got[32] = {};
    CHECK(::recv(peer.get(), got, sizeof got, MSG_WAITALL | MSG_DONTWAIT) == 13);
    CHECK(std::string(got) == "one two three");
    REQUIRE(::send(peer.get(), "back", 4, MSG_NOSIGNAL) == 4);
    pollfd one = {fd, POLLIN, 0};
    REQUIRE(::poll(&one, 1, 10'000) == 1);
    CHECK(receive(fd, space).bytes == 4);
    ::shutdown(peer.get(), SHUT_WR);
    REQUIRE(::poll(&one, 1, 10'000) == 1);
    CHECK(receive(fd, space).eof);
  }
}

TEST_CASE("A refused connection, an unknown zone and a broken pipe are errors that say where") {
  Address nowhere;
  {
    const Listener listener(AF_INET);
    nowhere = listener.address;
  }
  const auto started = start_connect(nowhere);
  const auto result = started ? await_connected(*started, nowhere) : Result<void>(std::unexpected(started.error()));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::connect_failed);
  CHECK(result.error().detail == ECONNREFUSED);
  CHECK(result.error().message() == "connect to 127.0.0.1:" + std::to_string(nowhere.port) + ": Connection refused");

  Address zoned{*IpAddress::parse("fe80::1"), 80};
  zoned.ip.zone = "no-such-interface";
  const auto lost = start_connect(zoned);
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().message() == "connect to [fe80::1%no-such-interface]:80: no such interface");

  Pair pair;
  pair.b.reset();
  const std::array<Bytes, 1> span = {as_bytes("x")};
  CHECK(net::send(pair.a.get(), span).error == EPIPE);  // and no SIGPIPE
}
