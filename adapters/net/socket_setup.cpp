// See socket_setup.hpp. Linux: SOCK_NONBLOCK and SOCK_CLOEXEC with socket(), SO_BINDTODEVICE, TCP_FASTOPEN_CONNECT.
#include "adapters/net/socket_setup.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "adapters/net/errno_text.hpp"
#include "adapters/net/socket_address.hpp"
#include "adapters/net/thrown.hpp"

namespace sluice::net {
namespace {

constexpr int kMptcp = 262;  // IPPROTO_MPTCP, which older headers lack

std::unexpected<Error> failed(Code code, const std::string& purpose, const std::string& why, int error) {
  return std::unexpected(make_error(code, purpose + ": " + why, error));
}

// What the application's function has answered, or thrown, as an error of ours.
template <typename Value, typename Call>
Result<Value> ask_application(Code code, const std::string& purpose, Call call) {
  try {
    Result<Value> answer = call();
    if (answer || answer.error().code == Code::out_of_memory) return answer;
    return failed(code, purpose, answer.error().message(), answer.error().detail);
  } catch (const std::bad_alloc&) {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  } catch (...) {
    return failed(code, purpose, "the application" + what_was_thrown(), 0);
  }
}

template <typename Value>
bool set(int fd, int level, int name, Value value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int whole_seconds(Duration time) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, std::numeric_limits<int>::max()));
}

// What only makes a connection faster, or ends one that is dead: a system that lacks it is no reason to fail.
void set_niceties(int fd, const SocketOptions& options) {
  // A request is sent in one piece, so holding back its end until an ACK comes (RFC 896) would only cost time.
  if (options.tcp_nodelay) set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.tcp_fastopen) set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
  if (!options.keep_alive) return;
  const auto& [idle, interval, count] = *options.keep_alive;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(idle));
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(interval));
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(std::min(count, std::uint32_t{0xffff})));
}

Result<void> set_marks(int fd, IpAddress::Kind kind, const SocketOptions& options, const std::string& purpose) {
  const bool is_ipv6 = kind == IpAddress::Kind::ipv6;
  if (options.ip_tos) {
    const int value = *options.ip_tos;
    if (!set(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_TCLASS : IP_TOS, value)) {
      const int error = errno;
      return failed(Code::connect_failed, purpose,
                    "type of service " + std::to_string(value) + ": " + describe_errno(error), error);
    }
  }
  if (options.priority && !set(fd, SOL_SOCKET, SO_PRIORITY, int{*options.priority})) {
    const int error = errno;
    return failed(Code::connect_failed, purpose,
                  "priority " + std::to_string(*options.priority) + ": " + describe_errno(error), error);
  }
  return {};
}

// Before Linux 5.7 it takes a privilege.
bool may_do_without_device(int error) { return error == EPERM || error == ENOPROTOOPT; }

std::string_view name_of(IpAddress::Kind kind) { return kind == IpAddress::Kind::ipv6 ? "IPv6" : "IPv4"; }

// 0 or an errno. The system would cut a name that is too long.
int bind_to_device(int fd, const std::string& name) {
  if (name.size() >= IFNAMSIZ || name.find('\0') != std::string::npos) return ENODEV;
  const auto size = static_cast<socklen_t>(name.size() + 1);
  return ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(), size) == 0 ? 0 : errno;
}

template <typename Visit>
void for_each_address(const std::string& interface, Visit visit) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const ifaddrs* one = all; one; one = one->ifa_next) {
    const int family = one->ifa_addr ? one->ifa_addr->sa_family : AF_UNSPEC;
    if ((family != AF_INET && family != AF_INET6) || interface != one->ifa_name) continue;
    sockaddr_storage storage = {};
    std::memcpy(&storage, one->ifa_addr, family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    visit(to_address(storage).ip);
  }
}

// The address to bind to; Kind::none: no certain one.
Result<IpAddress> local_address_for(int fd, IpAddress::Kind kind, const SocketOptions& options,
                                    const std::string& purpose) {
  const std::string& name = options.interface;
  bool takes_its_address = false;
  int device_error = 0;  // the socket is not bound to the interface
  if (const int error = name.empty() ? 0 : bind_to_device(fd, name); error != 0) {
    if (!may_do_without_device(error)) {
      return failed(Code::bind_failed, purpose, "bind to the interface " + name + ": " + describe_errno(error), error);
    }
    takes_its_address = options.local_addresses.empty();
    device_error = error;
  }
  const auto lacks = [&](const std::string& what) {
    return failed(Code::connect_failed, purpose, what + std::string(name_of(kind)) + " address", EADDRNOTAVAIL);
  };
  if (takes_its_address) {
    IpAddress its = address_of_interface(name, kind);
    if (its.kind == IpAddress::Kind::none) return lacks("the interface " + name + " has no ");
    return its;
  }
  if (options.local_addresses.empty()) return IpAddress{};
  const auto fits = std::ranges::find(options.local_addresses, kind, &IpAddress::kind);
  if (fits == options.local_addresses.end()) return lacks("the addresses to bind to have no ");
  if (device_error != 0 && !has_address(name, *fits)) {
    return failed(Code::bind_failed, purpose,
                  "bind to the interface " + name + ": " + describe_errno(device_error) + ", and " + fits->to_string() +
                      " is none of its addresses",
                  device_error);
  }
  return *fits;
}

IpAddress any_address(IpAddress::Kind kind) {
  IpAddress any;
  any.kind = kind;
  return any;
}

// "192.0.2.7", "192.0.2.7 and one of the ports 5000 to 5010", "port 5000"
std::string words_for(const IpAddress& address, std::uint16_t first, std::uint16_t last) {
  std::string words = address.to_string();
  if (!address.zone.empty()) words += '%' + address.zone;
  if (first == 0) return words;
  if (!words.empty()) words += " and ";
  if (first == last) return words + "port " + std::to_string(first);
  return words + "one of the ports " + std::to_string(first) + " to " + std::to_string(last);
}

int family_of(const Address& peer) { return peer.ip.kind == IpAddress::Kind::ipv6 ? AF_INET6 : AF_INET; }

// What most connections have: two system calls, and no text.
Result<Descriptor> make_plain_socket(const Address& peer) {
  Descriptor made(::socket(family_of(peer), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int error = errno;
  if (!made) return failed(Code::connect_failed, "connect to " + peer.to_string(), describe_errno(error), error);
  set_niceties(made.get(), {});
  return made;
}

}  // namespace

IpAddress address_of_interface(const std::string& interface, IpAddress::Kind kind) {
  IpAddress first;
  for_each_address(interface, [&](IpAddress&& one) {
    if (first.kind == IpAddress::Kind::none && one.kind == kind) first = std::move(one);
  });
  return first;
}

bool has_address(const std::string& interface, const IpAddress& address) {
  bool found = false;
  for_each_address(interface, [&](const IpAddress& one) {
    found = found || (one.kind == address.kind && one.bytes == address.bytes);
  });
  return found;
}

Result<Descriptor> open_socket(const SocketWish& wish, const SocketCalls* calls, Code code,
                               const std::string& purpose) {
  if (!calls || !calls->open) {
    Descriptor made(::socket(wish.family, wish.type | SOCK_NONBLOCK | SOCK_CLOEXEC, wish.protocol));
    if (made) return made;
    const int error = errno;
    return failed(code, purpose, (wish.protocol == kMptcp ? "MPTCP: " : "") + describe_errno(error), error);
  }
  const auto given = ask_application<int>(code, purpose, [&] { return calls->open(wish); });
  if (!given) return std::unexpected(given.error());
  Descriptor made(*given);
  const int flags = made ? ::fcntl(made.get(), F_GETFL) : -1;
  if (flags < 0 || ::fcntl(made.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(made.get(), F_SETFD, FD_CLOEXEC) != 0) {
    const int error = made ? errno : EBADF;
    return failed(code, purpose, "the socket that the application opened: " + describe_errno(error), error);
  }
  return made;
}

Result<void> configure_socket(int fd, const SocketWish& wish, const SocketCalls* calls, Code code,
                              const std::string& purpose) {
  if (!calls || !calls->configure) return {};
  return ask_application<void>(code, purpose, [&] { return calls->configure(fd, wish); });
}

Result<void> bind_socket(int fd, IpAddress::Kind kind, const SocketOptions& options, const std::string& purpose) {
  const auto local = local_address_for(fd, kind, options, purpose);
  if (!local) return std::unexpected(local.error());
  const std::uint16_t first = options.local_port;
  const bool has_address = local->kind != IpAddress::Kind::none;
  if (!has_address && first == 0) return {};
  const std::uint16_t last = first == 0 ? std::uint16_t{0} : std::max(first, options.last_local_port);
  // Else the system would take a port for this address alone, and could run out of them.
  if (first == 0) set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  int error = ENODEV;  // of a zone that is no interface
  for (std::uint32_t port = first; port <= last; ++port) {
    const auto where = to_socket_address({has_address ? *local : any_address(kind), static_cast<std::uint16_t>(port)});
    if (!where) break;
    if (::bind(fd, where->get(), where->size) == 0) return {};
    error = errno;
    if (error != EADDRINUSE && error != EACCES) break;  // another port could not be bound either
  }
  return failed(Code::bind_failed, purpose, "bind to " + words_for(*local, first, last) + ": " + describe_errno(error),
                error);
}

Result<Descriptor> make_tcp_socket(const Address& peer, const SocketOptions* options, const SocketCalls* calls) {
  if (!options && !calls) return make_plain_socket(peer);
  const SocketOptions plain;
  const SocketOptions& wanted = options ? *options : plain;
  const std::string purpose = "connect to " + peer.to_string();
  const SocketWish wish{.use = SocketWish::Use::connection,
                        .peer = peer,
                        .family = family_of(peer),
                        .type = SOCK_STREAM,
                        .protocol = wanted.multipath ? kMptcp : IPPROTO_TCP};
  auto made = open_socket(wish, calls, Code::connect_failed, purpose);
  if (!made) return made;
  const int fd = made->get();
  set_niceties(fd, wanted);
  if (auto done = set_marks(fd, peer.ip.kind, wanted, purpose); !done) return std::unexpected(std::move(done.error()));
  if (auto done = configure_socket(fd, wish, calls, Code::connect_failed, purpose); !done) {
    return std::unexpected(std::move(done.error()));
  }
  if (!options) return made;
  if (auto done = bind_socket(fd, peer.ip.kind, wanted, purpose); !done)
    return std::unexpected(std::move(done.error()));
  return made;
}

}  // namespace sluice::net
