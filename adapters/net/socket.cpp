// See socket.hpp. Linux: SOCK_NONBLOCK and SOCK_CLOEXEC with socket(), MSG_NOSIGNAL with every send.
#include "adapters/net/socket.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

namespace sluice::net {
namespace {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

// RFC 4007 11.2: a zone is an interface name or number.
std::optional<std::uint32_t> scope_of(const std::string& zone) {
  if (zone.empty()) return 0;
  if (const unsigned index = ::if_nametoindex(zone.c_str()); index != 0) return index;
  std::uint32_t number = 0;
  const char* end = zone.data() + zone.size();
  const auto [at, error] = std::from_chars(zone.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

std::optional<SocketAddress> to_socket_address(const Address& address) {
  SocketAddress out;
  switch (address.ip.kind) {
    case IpAddress::Kind::none:
      return std::nullopt;
    case IpAddress::Kind::ipv4: {
      sockaddr_in ipv4 = {};
      ipv4.sin_family = AF_INET;
      ipv4.sin_port = htons(address.port);
      std::memcpy(&ipv4.sin_addr, address.ip.bytes.data(), 4);
      std::memcpy(&out.storage, &ipv4, sizeof ipv4);
      out.size = sizeof ipv4;
      return out;
    }
    case IpAddress::Kind::ipv6: {
      const auto scope = scope_of(address.ip.zone);
      if (!scope) return std::nullopt;
      sockaddr_in6 ipv6 = {};
      ipv6.sin6_family = AF_INET6;
      ipv6.sin6_port = htons(address.port);
      ipv6.sin6_scope_id = *scope;
      std::memcpy(&ipv6.sin6_addr, address.ip.bytes.data(), 16);
      std::memcpy(&out.storage, &ipv6, sizeof ipv6);
      out.size = sizeof ipv6;
      return out;
    }
  }
  return std::nullopt;
}

Address to_address(const sockaddr_storage& storage) {
  Address out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in ipv4 = {};
    std::memcpy(&ipv4, &storage, sizeof ipv4);
    out.ip.kind = IpAddress::Kind::ipv4;
    std::memcpy(out.ip.bytes.data(), &ipv4.sin_addr, 4);
    out.port = ntohs(ipv4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 ipv6 = {};
    std::memcpy(&ipv6, &storage, sizeof ipv6);
    out.ip.kind = IpAddress::Kind::ipv6;
    std::memcpy(out.ip.bytes.data(), &ipv6.sin6_addr, 16);
    if (ipv6.sin6_scope_id != 0) out.ip.zone = std::to_string(ipv6.sin6_scope_id);
    out.port = ntohs(ipv6.sin6_port);
  }
  return out;
}

Error connect_error(const Address& address, int error) {
  return make_error(Code::connect_failed, "connect to " + address.to_string() + ": " + describe_errno(error), error);
}

ssize_t send_once(int fd, std::span<const Bytes> spans) {
  if (spans.size() == 1) return ::send(fd, spans[0].data(), spans[0].size(), MSG_NOSIGNAL);
  static constexpr std::size_t kMaxSpans = 16;
  std::array<iovec, kMaxSpans> vectors = {};
  const std::size_t count = spans.size() < kMaxSpans ? spans.size() : kMaxSpans;
  for (std::size_t i = 0; i < count; ++i) {
    // sendmsg only reads, but its type is shared with recvmsg.
    vectors[i] = {const_cast<std::uint8_t*>(spans[i].data()), spans[i].size()};
  }
  msghdr message = {};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

Transferred transferred_by(ssize_t result) {
  Transferred moved;
  if (result >= 0) {
    moved.bytes = static_cast<std::size_t>(result);
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    moved.would_block = true;
  } else {
    moved.error = errno;
  }
  return moved;
}

std::string describe_errno(int error) { return std::generic_category().message(error); }

Result<Connecting> start_connect(const Address& address) {
  const auto where = to_socket_address(address);
  if (!where) {
    return std::unexpected(
        make_error(Code::connect_failed, "connect to " + address.to_string() + ": no such interface", ENODEV));
  }
  Connecting out;
  out.socket = Descriptor(::socket(where->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!out.socket) return std::unexpected(connect_error(address, errno));
  // A request is sent in one piece, so holding back its end until an ACK comes (RFC 896) would only cost time.
  const int on = 1;
  ::setsockopt(out.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int result = ::connect(out.socket.get(), reinterpret_cast<const sockaddr*>(&where->storage), where->size);
  if (result == 0) {
    out.connected = true;
  } else if (errno != EINPROGRESS && errno != EINTR) {  // after EINTR the connect also continues in the background
    return std::unexpected(connect_error(address, errno));
  }
  return out;
}

Result<bool> connect_result(int fd, const Address& address) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) return true;
  int error = errno;
  if (error == ENOTCONN) {  // not connected yet, or not any more
    socklen_t error_size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) error = errno;
    if (error == 0) return false;
  }
  return std::unexpected(connect_error(address, error));
}

Address local_address(int fd) {
  sockaddr_storage local = {};
  socklen_t size = sizeof local;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0 ? to_address(local) : Address{};
}

Transferred send(int fd, std::span<const Bytes> spans) {
  ssize_t result = 0;
  do result = send_once(fd, spans);
  while (result < 0 && errno == EINTR);
  return transferred_by(result);
}

Transferred receive(int fd, MutableBytes space) {
  ssize_t result = 0;
  do result = ::recv(fd, space.data(), space.size(), 0);
  while (result < 0 && errno == EINTR);
  Transferred moved = transferred_by(result);
  moved.eof = result == 0;
  return moved;
}

}  // namespace sluice::net
