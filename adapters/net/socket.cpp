// See socket.hpp. Linux: MSG_NOSIGNAL with every send.
#include "adapters/net/socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "adapters/net/socket_address.hpp"
#include "adapters/net/socket_setup.hpp"

namespace sluice::net {
namespace {

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

bool is_loopback(const IpAddress& address) {
  if (address.kind == IpAddress::Kind::ipv4) return address.bytes[0] == 127;
  if (address.kind != IpAddress::Kind::ipv6) return false;
  const bool zeros = std::all_of(address.bytes.begin(), address.bytes.end() - 1, [](std::uint8_t b) { return b == 0; });
  return zeros && address.bytes.back() == 1;
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

Result<Connecting> start_connect(const Address& address, const SocketOptions* options, const SocketCalls* calls) {
  const auto where = to_socket_address(address);
  if (!where) {
    return std::unexpected(
        make_error(Code::connect_failed, "connect to " + address.to_string() + ": no such interface", ENODEV));
  }
  auto made = make_tcp_socket(address, options, calls);
  if (!made) return std::unexpected(std::move(made.error()));
  Connecting out;
  out.socket = *std::move(made);
  const int result = ::connect(out.socket.get(), where->get(), where->size);
  if (result == 0) {
    out.connected = true;
  } else if (errno != EINPROGRESS && errno != EINTR) {  // after EINTR the connect also continues in the background
    return std::unexpected(connect_error(address, errno));
  } else if (is_loopback(address.ip)) {
    // The handshake with this host is over when connect() returns, though it says EINPROGRESS. To ask costs less than
    // to wait for an event.
    const auto connected = connect_result(out.socket.get(), address);
    if (!connected) return std::unexpected(connected.error());
    out.connected = *connected;
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
  // With SocketOptions::tcp_fastopen: the SYN is sent, and the bytes did not fit into it.
  if (result < 0 && errno == EINPROGRESS) errno = EAGAIN;
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
