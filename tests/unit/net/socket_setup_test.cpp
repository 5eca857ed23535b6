// adapters/net/socket_setup.hpp: what the system says of the sockets that it makes, and what is said of those that
// cannot be made.
#include "adapters/net/socket_setup.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <new>
#include <stdexcept>
#include <vector>

#include "adapters/net/socket.hpp"
#include "adapters/net/socket_address.hpp"

using namespace sluice;

namespace {

const Address kFour{*IpAddress::parse("127.0.0.1"), 9};
const Address kSix{*IpAddress::parse("::1"), 9};

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

net::Descriptor made_with(const SocketOptions& options, const Address& peer = kFour) {
  auto made = net::make_tcp_socket(peer, &options, nullptr);
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  return std::move(*made);
}

Error refusal_of(const SocketOptions& options, const Address& peer = kFour) {
  const auto made = net::make_tcp_socket(peer, &options, nullptr);
  REQUIRE_FALSE(made.has_value());
  return made.error();
}

std::vector<IpAddress> addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> all;
  for (const char* text : texts) all.push_back(*IpAddress::parse(text));
  return all;
}

// From here on SO_BINDTODEVICE fails in this process, as it does without a privilege before Linux 5.7.
bool refuse_devices() {
  const auto load = [](std::size_t at) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
  };
  sock_filter rules[] = {
      load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(SYS_setsockopt), 0, 3),
      load(offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_BINDTODEVICE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool has_ipv6() { return net::address_of_interface("lo", IpAddress::Kind::ipv6).kind != IpAddress::Kind::none; }

std::uint16_t port_of(const net::Descriptor& socket) { return net::local_address(socket.get()).port; }

}  // namespace

TEST_CASE("sockets: without options they are non-blocking, closed by exec, without delay and without probes") {
  const auto made = net::make_tcp_socket(kFour, nullptr, nullptr);
  REQUIRE(made.has_value());
  const int fd = made->get();
  CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(option_of(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT) == 0);
  CHECK(port_of(*made) == 0);  // not bound
  const net::Descriptor plain = made_with({});
  CHECK(option_of(plain.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option_of(plain.get(), SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(port_of(plain) == 0);
}

TEST_CASE("sockets: the system has what the options say") {
  const net::Descriptor probed =
      made_with({.keep_alive = KeepAlive{
                     .idle = std::chrono::milliseconds(1'500), .interval = std::chrono::seconds(3), .count = 4}});
  CHECK(option_of(probed.get(), SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option_of(probed.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 2);
  CHECK(option_of(probed.get(), IPPROTO_TCP, TCP_KEEPINTVL) == 3);
  CHECK(option_of(probed.get(), IPPROTO_TCP, TCP_KEEPCNT) == 4);
  const net::Descriptor at_least = made_with({.keep_alive = KeepAlive{.idle = {}, .interval = {}}});
  CHECK(option_of(at_least.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 1);
  CHECK(option_of(at_least.get(), IPPROTO_TCP, TCP_KEEPINTVL) == 1);
  CHECK(option_of(made_with({.tcp_nodelay = false}).get(), IPPROTO_TCP, TCP_NODELAY) == 0);
  CHECK(option_of(made_with({.tcp_fastopen = true}).get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT) == 1);
  CHECK(option_of(made_with({.ip_tos = std::uint8_t{0xb8}}).get(), IPPROTO_IP, IP_TOS) == 0xb8);
  CHECK(option_of(made_with({.priority = std::uint8_t{5}}).get(), SOL_SOCKET, SO_PRIORITY) == 5);
  if (has_ipv6()) {
    const net::Descriptor six = made_with({.ip_tos = std::uint8_t{0xb8}}, kSix);
    CHECK(option_of(six.get(), IPPROTO_IPV6, IPV6_TCLASS) == 0xb8);
  }
}

TEST_CASE("sockets: Multipath TCP, where the system has it") {
  constexpr int kMultipath = 262;
  const SocketOptions options{.multipath = true};
  const auto made = net::make_tcp_socket(kFour, &options, nullptr);
  if (made) {
    CHECK(option_of(made->get(), SOL_SOCKET, SO_PROTOCOL) == kMultipath);
  } else {
    CHECK(made.error().code == Code::connect_failed);
    CHECK(made.error().message().starts_with("connect to 127.0.0.1:9: MPTCP: "));
  }
}

TEST_CASE("sockets: bound to the first local address of the peer's family") {
  const SocketOptions both{.local_addresses = addresses({"::1", "127.0.0.2", "127.0.0.3"})};
  const net::Descriptor four = made_with(both);
  CHECK(net::local_address(four.get()).ip == *IpAddress::parse("127.0.0.2"));
  CHECK(port_of(four) == 0);  // the system chooses the port when it connects
  if (has_ipv6()) CHECK(net::local_address(made_with(both, kSix).get()).ip == *IpAddress::parse("::1"));

  const Error none = refusal_of({.local_addresses = addresses({"127.0.0.1"})}, kSix);
  CHECK(none.code == Code::connect_failed);
  CHECK(none.detail == EADDRNOTAVAIL);
  CHECK(none.message() == "connect to [::1]:9: the addresses to bind to have no IPv6 address");

  const Error foreign = refusal_of({.local_addresses = addresses({"192.0.2.1"})});
  CHECK(foreign.code == Code::bind_failed);
  CHECK(foreign.detail == EADDRNOTAVAIL);
  CHECK(foreign.message() == "connect to 127.0.0.1:9: bind to 192.0.2.1: Cannot assign requested address");

  SocketOptions nowhere{.local_addresses = addresses({"fe80::1"})};
  nowhere.local_addresses[0].zone = "nosuch";
  CHECK(refusal_of(nowhere, kSix).message() == "connect to [::1]:9: bind to fe80::1%nosuch: No such device");
}

TEST_CASE("sockets: bound to the first free port of a range") {
  const net::Descriptor taken = made_with({.local_addresses = addresses({"127.0.0.1"}), .local_port = 0});
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  net::Descriptor holder(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(holder.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  const std::uint16_t port = net::local_address(holder.get()).port;
  REQUIRE(port < 65'000);
  const SocketOptions alone{.local_addresses = addresses({"127.0.0.1"}), .local_port = port};
  const Error used = refusal_of(alone);
  CHECK(used.code == Code::bind_failed);
  CHECK(used.message() ==
        "connect to 127.0.0.1:9: bind to 127.0.0.1 and port " + std::to_string(port) + ": Address already in use");
  SocketOptions range = alone;
  range.last_local_port = static_cast<std::uint16_t>(port + 100);
  const net::Descriptor next = made_with(range);
  CHECK(port_of(next) > port);
  CHECK(port_of(next) <= port + 100);
  range.last_local_port = port;
  CHECK(refusal_of(range).message() == used.message());
  range.last_local_port = 1;  // less than the first: it alone
  CHECK(refusal_of(range).message() == used.message());

  const Error without_address = refusal_of({.local_port = port});
  CHECK(without_address.message() ==
        "connect to 127.0.0.1:9: bind to port " + std::to_string(port) + ": Address already in use");
  holder.reset();
  const net::Descriptor any = made_with({.local_port = port});
  CHECK(net::local_address(any.get()) == Address{*IpAddress::parse("0.0.0.0"), port});
}

TEST_CASE("sockets: bound to an interface") {
  const net::Descriptor lo = made_with({.interface = "lo"});
  char name[16] = {};
  socklen_t size = sizeof name;
  REQUIRE(::getsockopt(lo.get(), SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0);
  CHECK(std::string(name) == "lo");
  const Error none = refusal_of({.interface = "nosuch"});
  CHECK(none.code == Code::bind_failed);
  CHECK(none.message() == "connect to 127.0.0.1:9: bind to the interface nosuch: No such device");
  // Neither is cut to the name of another one.
  CHECK(refusal_of({.interface = std::string("lo\0x", 4)}).code == Code::bind_failed);
  CHECK(refusal_of({.interface = std::string(16, 'x')}).detail == ENODEV);
  CHECK(net::address_of_interface("lo", IpAddress::Kind::ipv4) == *IpAddress::parse("127.0.0.1"));
  CHECK(net::address_of_interface("nosuch", IpAddress::Kind::ipv4).kind == IpAddress::Kind::none);
  const net::Descriptor both = made_with({.interface = "lo", .local_addresses = addresses({"127.0.0.2"})});
  CHECK(net::local_address(both.get()).ip == *IpAddress::parse("127.0.0.2"));
}

TEST_CASE("sockets: where the system binds to no interface, a local address must be one of the interface") {
  CHECK(net::has_address("lo", *IpAddress::parse("127.0.0.1")));
  CHECK_FALSE(net::has_address("lo", *IpAddress::parse("127.0.0.2")));
  CHECK_FALSE(net::has_address("nosuch", *IpAddress::parse("127.0.0.1")));
  const SocketOptions own{.interface = "lo", .local_addresses = addresses({"127.0.0.1"})};
  const SocketOptions other{.interface = "lo", .local_addresses = addresses({"127.0.0.2"})};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (!refuse_devices()) ::_exit(9);
    const auto made = net::make_tcp_socket(kFour, &own, nullptr);
    const auto refused = net::make_tcp_socket(kFour, &other, nullptr);
    const std::string wanted =
        "connect to 127.0.0.1:9: bind to the interface lo: Operation not permitted, and 127.0.0.2 is none of its "
        "addresses";
    ::_exit(!made ? 1 : refused ? 2 : refused.error().message() != wanted ? 3 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("sockets: the application opens them, and they are made fit for use") {
  std::vector<SocketWish> wishes;
  int opened = -1;
  SocketCalls calls;
  calls.open = [&](const SocketWish& wish) -> Result<int> {
    wishes.push_back(wish);
    opened = ::socket(wish.family, wish.type, wish.protocol);  // blocking, and inherited
    return opened;
  };
  std::vector<int> configured;
  calls.configure = [&](int fd, const SocketWish& wish) -> Result<void> {
    configured.push_back(fd);
    CHECK(wish.peer == kFour);
    CHECK(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);  // the options are set
    CHECK(port_of(net::Descriptor(::dup(fd))) == 0);      // and it is not bound
    return {};
  };
  const SocketOptions options{.local_addresses = addresses({"127.0.0.2"}), .keep_alive = KeepAlive{}};
  const auto made = net::make_tcp_socket(kFour, &options, &calls);
  REQUIRE(made.has_value());
  CHECK(made->get() == opened);
  CHECK((::fcntl(opened, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(opened, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(net::local_address(opened).ip == *IpAddress::parse("127.0.0.2"));
  CHECK(configured == std::vector{opened});
  REQUIRE(wishes.size() == 1);
  CHECK(wishes[0].use == SocketWish::Use::connection);
  CHECK(wishes[0].peer == kFour);
  CHECK(wishes[0].family == AF_INET);
  CHECK(wishes[0].type == SOCK_STREAM);
  CHECK(wishes[0].protocol == IPPROTO_TCP);
}

TEST_CASE("sockets: what the application answers or throws is one clear line") {
  const auto refused = [](SocketCalls calls) {
    const auto made = net::make_tcp_socket(kFour, nullptr, &calls);
    REQUIRE_FALSE(made.has_value());
    return made.error();
  };
  SocketCalls calls;
  calls.open = [](const SocketWish&) -> Result<int> {
    return std::unexpected(make_error(Code::internal, "no more of these today", 7));
  };
  CHECK(refused(calls).code == Code::connect_failed);
  CHECK(refused(calls).detail == 7);
  CHECK(refused(calls).message() == "connect to 127.0.0.1:9: no more of these today");
  calls.open = [](const SocketWish&) -> Result<int> { throw std::runtime_error("no thread"); };
  CHECK(refused(calls).message() == "connect to 127.0.0.1:9: the application threw an exception: no thread");
  calls.open = [](const SocketWish&) -> Result<int> { throw 7; };
  CHECK(refused(calls).message() == "connect to 127.0.0.1:9: the application threw an exception");
  calls.open = [](const SocketWish&) -> Result<int> { throw std::bad_alloc(); };
  CHECK(refused(calls).code == Code::out_of_memory);
  calls.open = [](const SocketWish&) -> Result<int> { return -1; };
  CHECK(refused(calls).message() ==
        "connect to 127.0.0.1:9: the socket that the application opened: Bad file descriptor");
  calls.open = nullptr;
  calls.configure = [](int, const SocketWish&) -> Result<void> {
    return std::unexpected(make_error(Code::internal, "not this one"));
  };
  CHECK(refused(calls).message() == "connect to 127.0.0.1:9: not this one");
  calls.configure = [](int, const SocketWish&) -> Result<void> { throw std::runtime_error("no thread"); };
  CHECK(refused(calls).message() == "connect to 127.0.0.1:9: the application threw an exception: no thread");
}
