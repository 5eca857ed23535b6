// connected_descriptor(): see ../transport.hpp.
//
// O_NONBLOCK belongs to the open file description, not to the descriptor: every duplicate (for example a shell's
// terminal) becomes non-blocking too, and stays so after this one is closed.
//
// Sockets are written with MSG_NOSIGNAL, other descriptors with write_file(). Leaves HTTP and readiness to others.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/transport/file_io.hpp"
#include "adapters/transport/socket_stream.hpp"
#include "adapters/transport/words.hpp"

namespace sluice {
namespace {

using transport::SocketStream;

enum class Kind : std::uint8_t { socket, terminal, other };

// Without canonical mode a read of 0 bytes may also mean that none have come yet (termios(3), VMIN 0).
bool has_ended(int terminal) {
  termios settings = {};
  if (::tcgetattr(terminal, &settings) != 0) return true;
  if ((settings.c_lflag & ICANON) != 0) return true;
  pollfd one = {terminal, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR)) != 0;
}

// For terminals, FIFOs and other devices, with which send(2) and recv(2) do not work.
class FileStream final : public Transport {
 public:
  FileStream(net::Descriptor file, Kind kind, std::shared_ptr<const bool> in_use)
      : file_(std::move(file)), kind_(kind), in_use_(std::move(in_use)) {}

  Result<Opening> open() override { return Opening::done; }
  int fd() const override { return file_.get(); }

  Transferred receive(MutableBytes space) override {
    Transferred moved = transport::read_file(file_.get(), space);
    if (moved.eof) {
      moved.eof = kind_ != Kind::terminal || has_ended(file_.get());
      moved.would_block = !moved.eof;
    } else if (moved.error == EIO && kind_ == Kind::terminal) {
      moved = {};
      moved.eof = true;  // EIO: the other side of the pseudo-terminal was closed
    }
    return moved;
  }
  Transferred send(std::span<const Bytes> pieces) override { return transport::write_file(file_.get(), pieces); }

 private:
  net::Descriptor file_;
  const Kind kind_;
  const std::shared_ptr<const bool> in_use_;
};

class ConnectedSocket final : public SocketStream {
 public:
  ConnectedSocket(net::Descriptor socket, std::shared_ptr<const bool> in_use)
      : SocketStream(std::move(socket)), in_use_(std::move(in_use)) {}
  Result<Opening> open() override { return Opening::done; }

 private:
  const std::shared_ptr<const bool> in_use_;
};

class DescriptorDialer final : public Dialer {
 public:
  DescriptorDialer(net::Descriptor descriptor, Kind kind, std::string name)
      : Dialer("", std::move(name), 1), descriptor_(std::move(descriptor)), kind_(kind) {}

  Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal) override {
    if (!descriptor_) return std::unexpected(transport::no_second_stream(name(), !in_use_.expired()));
    auto in_use = std::make_shared<const bool>(true);
    in_use_ = in_use;
    if (kind_ == Kind::socket) return std::make_unique<ConnectedSocket>(std::move(descriptor_), std::move(in_use));
    return std::make_unique<FileStream>(std::move(descriptor_), kind_, std::move(in_use));
  }

 private:
  net::Descriptor descriptor_;  // until dial()
  const Kind kind_;
  std::weak_ptr<const bool> in_use_;  // the transport holds the shared pointer
};

// Returns 0 or an errno: epoll cannot wait for regular files, directories and some devices.
int try_to_watch(int fd) {
  const net::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno;
  epoll_event event = {};
  event.events = EPOLLIN;
  return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

// Why a descriptor cannot carry a connection; "": it can.
std::string fault_of(int fd, Kind kind) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return net::describe_errno(errno);
  if (const int error = try_to_watch(fd); error != 0) {
    return "it cannot be waited for: " + (error == EPERM ? "it is a file or the like" : net::describe_errno(error));
  }
  if ((flags & O_ACCMODE) != O_RDWR) return "it is not open for reading and writing";
  if (kind == Kind::socket) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return net::describe_errno(errno);
    if (type != SOCK_STREAM) return "it carries messages, not a stream of bytes";
    int listens = 0;
    size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0) {
      return "it waits for connections and carries none";
    }
    sockaddr_storage peer = {};
    size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 && errno == ENOTCONN)
      return "it is not connected";
  }
  if (::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return net::describe_errno(errno);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return net::describe_errno(errno);
  return "";
}

Kind kind_of(int fd) {
  struct stat facts = {};
  if (::fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode)) return Kind::socket;
  return ::isatty(fd) == 1 ? Kind::terminal : Kind::other;
}

}  // namespace

Result<std::shared_ptr<Dialer>> connected_descriptor(int fd, std::string name) {
  net::Descriptor descriptor(fd);
  if (name.empty()) name = "descriptor " + std::to_string(fd);
  const Kind kind = kind_of(fd);
  if (const std::string fault = fault_of(fd, kind); !fault.empty()) {
    return std::unexpected(make_error(Code::invalid_option, name + ": " + fault));
  }
  return std::make_shared<DescriptorDialer>(std::move(descriptor), kind, std::move(name));
}

}  // namespace sluice
